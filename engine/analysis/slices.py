"""Where a model is right and where not: its accuracy on parts of a data set, and what it takes for what."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.data.segmentation import words
from engine.progress import Progress
from engine.settings import CONFIG
from engine.statistics import binomial_interval
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample, batches
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class SlicesSettings(Sample):
    """A sample, and words that make a slice of their own."""

    contains: str = Field(default="", max_length=400)
    """Words, with commas between: the texts that have one of them are a slice, those without another."""


@dataclass(frozen=True)
class Slice:
    """Some of the examples. `low`, `high`: exact 95 % interval of the accuracy (Clopper–Pearson); `loss`: mean cross-entropy (nats);
    `confidence`: mean probability of what is said.
    """

    kind: str
    name: str
    count: int
    accuracy: float
    low: float
    high: float
    loss: float
    confidence: float


@dataclass(frozen=True)
class Slices(Result):
    """`slices`: all examples first. `confusion`: `[C][C]`, how many examples of a class (row) are said to be of another (column).
    `missing`: words that were asked for and stand in no example.
    """

    origin: str
    labels: list[str]
    slices: list[Slice]
    confusion: list[list[int]]
    missing: list[str] = field(default_factory=list)

    def said_of_missing(self) -> str:
        """Which words stand in no example, in a sentence; "": all do."""
        if not self.missing:
            return ""
        named = ", ".join(f"“{word}”" for word in self.missing)
        return f"No example has {named}: words are looked for as they stand in the texts, each by itself."

    def text(self) -> str:
        """A row per slice, then the confusion matrix."""
        rows = [
            (each.kind, each.name[:40], str(each.count), f"{each.accuracy:.3f} ({each.low:.3f} to {each.high:.3f})", f"{each.loss:.3f}",
             f"{each.confidence:.3f}")
            for each in self.slices
        ]  # fmt: skip
        said = columns(rows, ("slice", "of", "examples", "accuracy (95 %)", "loss", "confidence"))
        matrix = [(name, *map(str, row)) for name, row in zip(self.labels, self.confusion, strict=True)]
        missing = f"{self.said_of_missing()}\n\n" if self.missing else ""
        return f"{self.origin}\n\n{said}\n\n{missing}Labels (rows) and what is said (columns):\n\n{columns(matrix, ('', *self.labels))}"


def words_of(table: pd.DataFrame) -> list[list[str]]:
    """The words of every example, in small letters, of both texts of a pair."""
    pairs = zip(table["text"], table.get("text_pair", pd.Series([""] * len(table))), strict=True)
    return [[word.lower() for word in words(" ".join(filter(None, pair)))] for pair in pairs]


def parts(
    table: pd.DataFrame, labels: list[str], split: list[list[str]], wanted: set[str]
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """(kind, name, which rows) of every slice of a table of `label`, `said`; empty ones are left out.

    Args:
        split: the words of every row.
        wanted: words that some rows have.
    """
    lengths = np.array([len(each) for each in split])
    every = np.ones(len(table), dtype=bool)
    found = [("all", "", every)]
    found += [("label", name, (table["label"] == place).to_numpy()) for place, name in enumerate(labels)]
    found += [("said", name, (table["said"] == place).to_numpy()) for place, name in enumerate(labels)]
    first, second = (int(np.quantile(lengths, share)) for share in (1 / 3, 2 / 3))
    found += [
        ("length", f"up to {first} words", lengths <= first),
        ("length", f"{first + 1} to {second} words", (lengths > first) & (lengths <= second)),
        ("length", f"{second + 1} words or more", lengths > second),
    ]
    if wanted:
        has = np.array([not wanted.isdisjoint(each) for each in split])
        named = ", ".join(sorted(wanted))
        found += [("word", f"with {named}", has), ("word", f"without {named}", ~has)]
    yield from (each for each in found if each[2].any())


@analysis("slices", "Where it is right, and where not", SlicesSettings, needs="classes", many=True)
def slices(classifier: Classifier, asked: SlicesSettings, progress: Progress = None) -> Slices:
    """Accuracy, loss and confidence on the parts of a sample: by label, by what is said, by length (thirds), by words."""
    table = asked.table(classifier)
    said, loss, sure = np.zeros(len(table), dtype=int), np.zeros(len(table)), np.zeros(len(table))
    for places, batch in batches(classifier, table, progress=progress):
        logits = classifier.logits(batch).float()
        said[places] = logits.argmax(dim=-1).cpu().numpy()
        loss[places] = F.cross_entropy(logits, batch["labels"], reduction="none").cpu().numpy()
        sure[places] = logits.softmax(dim=-1).amax(dim=-1).cpu().numpy()
    table = table.assign(said=said)
    right = (table["label"] == table["said"]).to_numpy()
    labels, split = list(classifier.labels), words_of(table)
    wanted = {each.strip().lower() for each in asked.contains.split(",") if each.strip()}
    missing = wanted.difference(*split)
    found = []
    for kind, name, inside in parts(table, labels, split, wanted - missing):
        count, hits = int(inside.sum()), int(right[inside].sum())
        low, high = binomial_interval(hits, count)
        found.append(
            Slice(kind, name, count, hits / count, low, high, float(loss[inside].mean()), float(sure[inside].mean()))
        )
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (table["label"].to_numpy(), said), 1)
    return Slices(classifier.origin, labels, found, counts.tolist(), sorted(missing))
