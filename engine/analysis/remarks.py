"""What a person must know of a result besides the result: classes matched by order, text that the model cannot read, a
model that says one thing to everything. Said on every page and by every verb that shows such a result.
"""

from collections.abc import Mapping
from typing import Any

import torch

from engine.analysis.classifier import Classifier
from engine.analysis.examples import batches, examples, matching
from engine.data.sources import load_dataset
from engine.data.tasks import collapsed, one_class_share
from engine.objectives.similar import language_of

UNKNOWN = 0.2  # Share of unknown tokens from which on it is said.
SAMPLE = 200  # Texts of a data set that are looked at for that.
_MARKS: dict[tuple[Any, ...], str] = {}  # By model and examples: a sentence each.
FEWEST = 20  # Examples below which nothing is said of a model's predictions.


def remarks(classifier: Classifier, values: Mapping[str, Any]) -> list[str]:
    """Sentences about one model and the settings of an analysis: `text`, `text_pair`, or `dataset`, `split`, `limit`."""
    found = []
    if classifier.mark:
        found.append(f"This model {_is(classifier.mark)} on its validation data: what is shown of it says nothing.")
    if text := str(values.get("text") or ""):
        pair = values.get("text_pair")
        found += [said for said in (unreadable(classifier, [text, *([str(pair)] if pair else [])]),) if said]
        found += paired(classifier, bool(pair))
    if values.get("dataset"):
        found += _of_data(
            classifier, str(values["dataset"]), str(values.get("split", "validation")), values.get("limit")
        )
    return found


def _is(mark: str) -> str:
    return mark if mark.startswith("predicts") else f"is {mark}"


def _of_data(classifier: Classifier, dataset: str, split: str, limit: int | None) -> list[str]:
    data = load_dataset(dataset)
    table = data.splits.get(split)
    if table is None:
        return []
    found = [said for said in (matching(classifier, dataset)[1],) if said]
    columns = [column for column in ("text", "text_pair") if column in table]
    texts = [text for column in columns for text in table[column].head(SAMPLE).astype(str)]
    found += [said for said in (unreadable(classifier, texts),) if said]
    found += paired(classifier, data.is_pair)
    if not classifier.mark and (mark := mark_on(classifier, dataset, split, limit)):
        found.append(f"This model {_is(mark)} on these examples: what is shown of it says nothing.")
    return found


def unreadable(classifier: Classifier, texts: list[str]) -> str:
    """That a model cannot read texts, with the share of their tokens that are unknown to it; "" if it can."""
    tokenizer = classifier.tokenizer
    ids = [token for row in tokenizer(texts, truncation=True, max_length=512)["input_ids"] for token in row]
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    words = [token for token in ids if token not in special]
    letters = sum(len("".join(text.split())) for text in texts)
    share = sum(token == tokenizer.unk_token_id for token in words) / max(1, len(words))
    fits = (
        "zh-small, or a multilingual one"
        if language_of(" ".join(texts)) == "zh"
        else "one of the text's language, or a multilingual one"
    )
    if share > UNKNOWN:
        return (
            f"The model cannot read this text: {share:.0%} of its tokens are unknown to it, so what is shown is of other"
            f" words. Choose a model that can: {fits} (such as xlm-roberta-base)."
        )
    if letters and len(words) > 1.2 * letters:
        return (
            f"The model hardly knows this script: it reads {len(words)} pieces for {letters} characters. Choose a model of"
            f" the text's language: {fits}."
        )
    return ""


def paired(classifier: Classifier, pair: bool) -> list[str]:
    """That a model was trained on pairs and is given single sentences, or the other way round."""
    if classifier.pairs is None or classifier.pairs == pair:
        return []
    trained, given = ("pairs of sentences", "a single one") if classifier.pairs else ("single sentences", "a pair")
    return [f"This model was trained on {trained} and is given {given}: its answer means little."]


def mark_on(classifier: Classifier, dataset: str, split: str = "validation", limit: int | None = 200) -> str:
    """Why the model says nothing of these examples (see `data.tasks.collapsed`); its own mark, if it has one, first."""
    if classifier.mark or classifier.is_regression:
        return classifier.mark
    table = examples(classifier, dataset, split, limit)
    if len(table) < FEWEST:
        return ""
    key = (classifier.fingerprint, hash(tuple(table["text"])), hash(tuple(table["label"])))
    if key not in _MARKS:
        _MARKS[key] = _mark(classifier, table)
    return _MARKS[key]


def _mark(classifier: Classifier, table: Any) -> str:
    said = torch.empty(len(table), dtype=torch.long)
    with torch.no_grad():
        for places, batch in batches(classifier, table):
            inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
            said[places] = classifier.model(**inputs).logits.argmax(dim=-1).cpu()
    labels = torch.as_tensor(table["label"].to_numpy())
    majority = one_class_share(labels)
    # Of a sample only what is plain: one class for all, or not one more right than the most frequent class gives.
    accuracy = float((said == labels).double().mean())
    return collapsed(accuracy if accuracy <= majority else None, majority, one_class_share(said))
