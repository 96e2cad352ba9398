"""What a data set asks of a model, the sentences it holds, and the metrics that judge it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from engine.data.marks import too_few

Kind = Literal["classification", "regression", "token classification"]
SPLITS = ("train", "validation", "test")
SPLIT_FILES = {"train": ("train",), "validation": ("validation", "dev", "valid"), "test": ("test",)}
IGNORED = -100  # A label that counts for nothing, as in torch's cross-entropy.


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    Attributes:
        name: of the data set.
        kind: classification (a class per text), regression (a score), or token classification (a tag per word).
        label_names: one per class or tag (empty for regression).
        metrics: names from `METRICS`; the first one is the one that runs are compared by.
        description: one or two sentences for people.
        language: ISO code.
        source: where it is from, its licence.
    """

    name: str
    kind: Kind
    label_names: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("accuracy",)
    description: str = ""
    language: str = "en"
    source: str = ""

    @property
    def num_labels(self) -> int:
        """Width of the model's output: C, or 1 for regression."""
        return len(self.label_names) or 1

    @property
    def tags(self) -> bool:
        """Whether every word has a label of its own."""
        return self.kind == "token classification"

    @property
    def main_metric(self) -> str:
        """The metric that runs are compared by."""
        return self.metrics[0]


@dataclass(frozen=True)
class TaskData:
    """A task with its sentences: `splits[name]` has columns `text`, `label` and, for pairs, `text_pair`.

    For token classification `label` is a list: a tag's number for every word of `text` (between single spaces).
    """

    task: Task
    splits: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...] = ()  # What a person must know of how it was read: rows left out, what was taken for what.
    stream: Any = (
        None  # `StreamedRows`: all rows of a training part that is too large to be read; `splits` has a sample of them.
    )

    def described(self) -> list[str]:
        """What was understood, in sentences: texts per part, classes with counts (or the range of the scores), the notes."""
        sizes = {split: len(table) for split, table in self.splits.items()}
        if self.stream is not None:
            sizes["train"] = len(self.stream)
        parts = ", ".join(f"{size:,} {split}" for split, size in sizes.items())
        texts = "pairs of texts" if self.is_pair else "texts"
        said = [f"{self.task.kind.capitalize()}{'' if self.task.tags else f' of {texts}'}: {parts}."]
        labels = pd.concat([self.labels(split) for split in self.splits])
        if self.task.kind == "regression":
            said.append(f"Scores from {labels.min():g} to {labels.max():g}.")
        else:
            counts = labels.value_counts()
            shown = [f"{name} ({int(counts.get(place, 0)):,})" for place, name in enumerate(self.task.label_names)]
            more = f" and {len(shown) - 12} more" if len(shown) > 12 else ""
            what = "tags" if self.task.tags else "classes"
            said.append(f"{len(shown)} {what}: {', '.join(shown[:12])}{more}.")
        if few := too_few(len(self.splits["validation"])):
            said.append(f"What is trained on it is {few} only, which says next to nothing: give more texts.")
        return [*said, *self.notes]

    @property
    def is_pair(self) -> bool:
        """Whether an example is a pair of sentences."""
        return "text_pair" in self.splits["train"].columns

    def labels(self, split: str) -> "pd.Series[Any]":
        """All labels of a split, one after the other: of its texts, or of their words."""
        found = self.splits[split]["label"]
        if not self.task.tags:
            return found
        each = found.explode().astype(int)
        return each[each != IGNORED]

    def majority_rate(self, split: str) -> float:
        """Share of the most frequent class (or tag): what a model that reads nothing reaches. NaN for regression."""
        if self.task.kind == "regression":
            return float("nan")
        return float(self.labels(split).value_counts(normalize=True).max())


def split_of(*texts: str) -> str:
    """Train (80 %), validation (10 %) or test (10 %), by SHA-256 of the text without case and spacing.

    The same on every machine; equal texts are never in two splits.
    """
    place = _place(texts, 10)
    return "train" if place < 8 else "validation" if place == 8 else "test"


def _place(texts: Sequence[str], parts: int) -> int:
    key = "\x1f".join(" ".join(text.casefold().split()) for text in texts)
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % parts


def held_out(*texts: str) -> bool:
    """Whether a text is one of the hundredth that a streamed data set is judged on: by the same hash as `split_of`."""
    return _place(texts, 100) == 0


def split_by_text(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The three fixed splits of a table with `text` and perhaps `text_pair` (see `split_of`)."""
    columns = [name for name in ("text", "text_pair") if name in table.columns]
    rows = zip(*(table[name].tolist() for name in columns), strict=True)
    places = pd.Series([split_of(*row) for row in rows], index=table.index)
    return {name: table[places == name].reset_index(drop=True) for name in SPLITS}
