"""Attacks with real words on a data set's examples."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.data.segmentation import language_of, word_spans, words
from engine.data.wordnet import wordnet
from engine.errors import UserError
from engine.lexicon.candidates import similar_candidates
from engine.lexicon.closed_class import STOP_WORDS
from engine.lexicon.similar import similar_words
from engine.progress import Progress, part_of, so_far, told
from engine.robustness.infill import load_infill
from engine.robustness.searches import SEARCHES
from engine.robustness.text import Limits, split
from engine.robustness.victim import Victim
from engine.robustness.words import Attacked, attack_text
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample
from engine.subjects.sentences import resolve_label
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class WordAttackSettings(Sample, Limits):
    """A sample, or a text of one's own; a search and its limits."""

    text: str | None = None
    """A text to attack in the place of the data set's."""
    label: str = ""
    """The text's right class, by number or name (empty: what the model says of it)."""
    limit: int | None = Field(default=50, ge=1, le=2**31 - 1)
    """How many examples: a fixed random sample of the split (empty: all)."""
    search: str = Field(default="greedy", json_schema_extra={"enum": [*SEARCHES.modules()]})
    """greedy, pwws: the most important words first. hotflip: by gradients. contextual: words of a masked language model. typos:
    changed letters. random: by chance."""
    language_model: str = ""
    """contextual: an ELECTRA or MacBERT run, or a masked language model (empty: the ready-made ELECTRA generator)."""
    similar: str = ""
    """Similar words: en, zh or a word2vec file; empty: by the language of the texts."""

    @field_validator("search")
    @classmethod
    def _there_is(cls, given: str) -> str:
        return SEARCHES.get(given).name


@dataclass(frozen=True)
class WordAttack(Result):
    """`examples`: those fooled first. `summary`: see there. `labels`: the classes' names. `remark`: what must be said of it, or ""."""

    origin: str
    examples: list[Attacked]
    summary: dict[str, float | None]
    labels: list[str]
    remark: str = ""

    def document(self) -> dict[str, Any]:
        """With the success of each."""
        rows = [{**asdict(each), "success": each.success} for each in self.examples]
        return {"origin": self.origin, "summary": self.summary, "remark": self.remark, "examples": rows}

    def text(self) -> str:
        """The summary, and the texts that fool the model."""
        rows = [
            (
                f"{each.probability:.2f}", f"{each.probability_after:.2f}", each.queries,
                ", ".join(f"{old} → {new}" for _, old, new in each.changes), each.after if len(each.after) <= 100 else f"{each.after[:99]}…",
            )
            for each in self.examples
            if each.success
        ]  # fmt: skip
        text = "\n".join(f"{name}: {said_of_number(value)}" for name, value in self.summary.items())
        remark = f"{self.remark}\n\n" if self.remark else ""
        if len(self.examples) == 1:
            one = self.examples[0]
            said = f"It says {self.labels[one.said]}: {one.verdict()}"
            tried = f"\n\nThe furthest it came, P({self.labels[one.label]}) = {one.probability_after:.3f}: {one.after}"
            return f"{self.origin}\n\n{said}{tried * bool(one.changes)}\n\n{remark}".rstrip()
        return f"{self.origin}\n\n{text}\n\n{remark}" + columns(
            rows, ("before", "after", "queries", "changed", "text that fools it")
        )


@analysis("word attack", "Word attacks", WordAttackSettings, needs="classes", many=True)
def word_attack(classifier: Classifier, asked: WordAttackSettings, progress: Progress = None) -> WordAttack:
    """`attack_text` on every text of a sample that has words, or on one's own.

    Raises:
        UserError: one's own text has no words, or its label is out of range.
    """
    table = asked.table(classifier) if asked.text is None else own_text(classifier, asked)
    texts = table["text"].tolist()
    pairs = table["text_pair"].tolist() if "text_pair" in table else [None] * len(texts)
    source = similar_words(asked.similar or language_of(" ".join(texts[:100])))
    candidates = similar_candidates(source, asked.candidates, asked.keep_meaning)
    contextual = SEARCHES.get(asked.search).contextual
    fills = load_infill(asked.language_model, asked.candidates, asked.keep_meaning, progress) if contextual else None
    found = []
    for place, (text, label, pair) in enumerate(zip(texts, table["label"].tolist(), pairs, strict=True)):
        if word_spans(text):
            how: dict[str, Any] = {
                "search": asked.search,
                "limits": asked,
                "pair": pair,
                "seed": asked.seed,
                "fills": fills,
                "progress": part_of(progress, place, len(texts)),
            }
            found.append(attack_text(classifier, text, int(label), candidates, **how))
        told(progress, place + 1, len(texts))
        so_far(progress, lambda: _ordered(classifier, found))
    swaps = SEARCHES.get(asked.search).candidates is None  # Typos swap no words.
    said = [meaning_unknown(texts) if asked.keep_meaning and swaps else "", nothing_tried(found)]
    return _ordered(classifier, found, " ".join(filter(None, said)))


def _ordered(classifier: Classifier, found: Sequence[Attacked], remark: str = "") -> WordAttack:
    """The result of so many texts."""
    ordered = sorted(found, key=lambda each: (not each.success, each.said != each.label))
    return WordAttack(classifier.origin, ordered, summary(ordered), list(classifier.labels), remark)


def nothing_tried(found: Sequence[Attacked]) -> str:
    """What must be said of texts to which the search has nothing to do; "" if there are none."""
    right = [each for each in found if each.said == each.label]
    idle = sum(each.queries <= 1 for each in right)
    if not idle:
        return ""
    return f"Nothing could be tried on {idle} of the {len(right)} texts that were right before: that they hold says nothing of the model."


def meaning_unknown(texts: Sequence[str]) -> str:
    """What must be said where opposites cannot be told from similar words; "" where WordNet knows the language."""
    content = {word.lower() for text in texts[:100] for word in words(text)} - STOP_WORDS
    if not content or wordnet().knows(content):
        return ""
    return (
        "Opposites were not left out: what is known of them is of English, and most words of these texts are not. A text that fools the"
        " model may say the contrary: read the examples."
    )


def own_text(classifier: Classifier, asked: WordAttackSettings) -> pd.DataFrame:
    """A table of one text and its label."""
    text = asked.text or ""
    if not word_spans(text):
        raise UserError("The text has no words to change.")
    label = resolve_label(classifier, asked.label or None, Victim(classifier).encode([text]))[0]
    return pd.DataFrame({"text": [text], "label": [int(label)]})


def said_of_number(value: float | None) -> str:
    """Three digits; a dash where there is none."""
    return "–" if value is None else f"{value:.3g}"


def summary(found: Sequence[Attacked]) -> dict[str, float | None]:
    """`accuracy` and `after_attack` (shares of all), `success` (of those right before), `words_changed` (mean share of the
    words of successful ones), `similarity` (their mean), `queries` (mean of those right before); None where there is none to take
    it of.
    """
    right = [each for each in found if each.said == each.label]
    won = [each for each in right if each.success]
    count = max(1, len(found))

    def mean(values: list[float]) -> float | None:
        return sum(values) / len(values) if values else None

    return {
        "examples": float(len(found)),
        "accuracy": len(right) / count,
        "after_attack": (len(right) - len(won)) / count,
        "success": len(won) / len(right) if right else None,
        "words_changed": mean([len(each.changes) / len(split(each.before)[0]) for each in won]),
        "similarity": mean([each.similarity for each in won]),
        "queries": mean([float(each.queries) for each in right]),
    }
