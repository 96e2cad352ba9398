"""What a person must know of a result besides the result: classes matched by order, text that the model cannot read, a
model that says one thing to everything. Said on every page and by every verb that shows such a result.
"""

from collections.abc import Mapping
from typing import Any

import torch

from engine.data.legibility import SAMPLE, sample_of, unreadable
from engine.data.marks import collapsed, one_class_share
from engine.data.sources import load_dataset
from engine.subjects.classifier import Classifier
from engine.subjects.samples import batches, examples, matching

_MARKS: dict[tuple[Any, ...], str] = {}  # By model and examples: a sentence each.
FEWEST = 20  # Examples below which nothing is said of a model's predictions.


def remarks(classifier: Classifier, values: Mapping[str, Any]) -> list[str]:
    """Sentences about one model and the settings of an analysis: `text`, `text_pair`, `label`, or `dataset`, `split`, `limit`."""
    found = []
    if classifier.mark:
        found.append(f"This model {_is(classifier.mark)} on its validation data: what is shown of it says nothing.")
    if text := str(values.get("text") or ""):
        pair = values.get("text_pair")
        found += [said for said in (unreadable(classifier.tokenizer, [text, *([str(pair)] if pair else [])]),) if said]
        found += paired(classifier, bool(pair))
        found += cut(classifier, text, str(pair) if pair else None)
        if classifier.is_regression and values.get("label") is None:
            found.append(
                "The loss is taken against the model's own score: it is 0, has no slope, and no method of the task's loss"
                " moves. Give a score to be taken in its place (--label)."
            )
    elif values.get("dataset"):  # A text of one's own is attacked in the place of a data set's.
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
    found += [said for said in (unreadable(classifier.tokenizer, sample_of(table)),) if said]
    found += paired(classifier, data.is_pair)
    if not classifier.mark and (mark := mark_on(classifier, dataset, split, limit)):
        found.append(
            f"This model {_is(mark)} on these examples (or a sample of them): what is shown of it says nothing."
        )
    return found


def cut(classifier: Classifier, text: str, pair: str | None) -> list[str]:
    """A remark if a text is longer than what the model reads."""
    most = classifier.max_length
    count = len(classifier.tokenizer(text, pair, truncation=False, verbose=False)["input_ids"])
    if count <= most:
        return []
    return [f"The text was cut: the model reads the first {most:,} of its {count:,} tokens, the rest is left out."]


def paired(classifier: Classifier, pair: bool) -> list[str]:
    """A remark if a model was trained on pairs and is given single sentences, or the other way round."""
    if classifier.pairs is None or classifier.pairs == pair:
        return []
    trained, given = ("pairs of sentences", "a single one") if classifier.pairs else ("single sentences", "a pair")
    return [f"This model was trained on {trained} and is given {given}: its answer means little."]


def mark_on(classifier: Classifier, dataset: str, split: str = "validation", limit: int | None = 200) -> str:
    """Why the model says nothing of these examples (see `data.marks.collapsed`); its own mark, if it has one, first."""
    if classifier.mark or classifier.is_regression:
        return classifier.mark
    table = examples(classifier, dataset, split, min(limit or SAMPLE, SAMPLE))
    if len(table) < FEWEST:
        return ""
    key = (classifier.fingerprint, hash(tuple(table["text"])), hash(tuple(table["label"])))
    if key not in _MARKS:
        _MARKS[key] = _mark(classifier, table)
    return _MARKS[key]


def _mark(classifier: Classifier, table: Any) -> str:
    said = torch.empty(len(table), dtype=torch.long)
    for places, batch in batches(classifier, table):
        said[places] = classifier.logits(batch).argmax(dim=-1).cpu()
    labels = torch.tensor(table["label"].tolist())
    majority = one_class_share(labels)
    # Of a sample only what is plain: one class for all, or not one more right than the most frequent class gives.
    accuracy = float((said == labels).double().mean())
    return collapsed(accuracy if accuracy <= majority else None, majority, one_class_share(said))
