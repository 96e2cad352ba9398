"""What a data set asks of a model, the sentences it holds, and the metrics that judge it."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

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


def _f1(labels: Any, predictions: Any) -> float:
    from sklearn.metrics import f1_score

    average = "binary" if max(labels.max(), predictions.max()) <= 1 else "macro"
    return float(f1_score(labels, predictions, average=average, zero_division=0.0))


def _matthews(labels: Any, predictions: Any) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(labels, predictions))


def _correlation(name: str) -> Callable[[Any, Any], float]:
    def measure(labels: Any, predictions: Any) -> float:
        from scipy import stats

        if len(labels) < 2 or np.ptp(predictions) == 0 or np.ptp(labels) == 0:
            return 0.0  # A constant has no correlation; scipy would give NaN.
        return float(getattr(stats, name)(labels, predictions).statistic)

    return measure


# Each takes labels and predictions, `[N]`. As in GLUE: CoLA Matthews; MRPC, QQP accuracy and F1; STS-B correlations.
METRICS: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": lambda labels, predictions: float((labels == predictions).mean()),
    "f1": _f1,
    "matthews": _matthews,
    "pearson": _correlation("pearsonr"),
    "spearman": _correlation("spearmanr"),
}


ONE_CLASS = "one_class"  # The figure: share of the predictions that fall into one class.
NEARLY_ALL = 0.98
ROOM = 0.02
FEW = 10  # Examples: with fewer a single one moves accuracy by more than 10 %.
MEASURED_ON = "measured on"  # What the mark of too few begins with.


def one_class_share(predictions: Any) -> float:
    """The share of the predictions that fall into the class that is predicted most."""
    return float(np.unique(np.asarray(predictions), return_counts=True)[1].max() / len(predictions))


def collapsed(accuracy: float | None, majority: float | None, one_class: float | None) -> str:
    """Why a classifier says nothing of its inputs, in a few words; "" for one that does.

    It predicts (nearly) one class where the data have more, or is no better than always saying the most frequent one: its
    accuracy gains less than `ROOM` of what there is to gain above that. Such a model looks smooth and robust.

    Args:
        accuracy: share of right predictions.
        majority: share of the most frequent class.
        one_class: see `one_class_share`; None where it is not known.
    """
    if one_class is not None and one_class >= NEARLY_ALL and (majority is None or one_class > majority + ROOM):
        return "predicts one class" if one_class == 1 else "predicts nearly one class"
    if accuracy is not None and majority is not None and accuracy < majority + ROOM * (1 - majority):
        return "no better than the most frequent class"
    return ""


def too_few(examples: int | None) -> str:
    """The mark of figures that were measured on next to nothing; "" where there are `FEW` examples or more, or nobody knows."""
    if examples is None or examples >= FEW:
        return ""
    return f"{MEASURED_ON} {examples} example{'s' * (examples != 1)}"


def said_of(mark: str) -> str:
    """What a mark of `collapsed` or `too_few` means, as a sentence."""
    if mark.startswith(MEASURED_ON):
        return f"This model's figures were {mark} only: they say next to nothing. Give more data."
    if mark.startswith("predicts"):
        return f"This model {mark}: it has collapsed, and looks smooth and robust only for that reason."
    return f"This model is {mark}: it has learnt too little, or has collapsed, and what is shown of it says nothing."


def metrics_of(task: Task) -> Callable[[Any], dict[str, float]]:
    """`compute_metrics` for a `transformers.Trainer`; of a classifier also `ONE_CLASS`."""

    def compute(prediction: Any) -> dict[str, float]:
        logits, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
        if task.kind == "regression":
            return {name: METRICS[name](labels, logits.reshape(-1)) for name in task.metrics}
        outputs = logits.argmax(axis=-1)
        found = tag_metrics(task, labels, outputs) if task.tags else {}
        counts = labels != IGNORED
        found |= {name: METRICS[name](labels[counts], outputs[counts]) for name in task.metrics if name not in found}
        return {**found, ONE_CLASS: one_class_share(outputs[counts])}

    return compute


ENTITY_METRICS = ("entity_f1", "entity_precision", "entity_recall")


def marks_entities(names: Sequence[str]) -> bool:
    """Whether tags say where entities begin and go on: O, B-PER, I-PER (IOB, IOB2, BIOES)."""
    return bool(names) and all(re.fullmatch(r"O|[BIESLU]-.+", name) for name in names) and names != ("O",)


def tag_metrics(task: Task, labels: Any, predictions: Any) -> dict[str, float]:
    """Precision, recall and F1 of whole entities, by seqeval (as conlleval: micro average, exact ends); {} for tags that mark
    none.

    Args:
        labels: `[N, L]`, -100 where there is no word. predictions: `[N, L]`.
    """
    if not marks_entities(task.label_names):
        return {}
    from seqeval.metrics import f1_score, precision_score, recall_score

    names = np.asarray(task.label_names, dtype=object)
    rows = [
        (names[row[row != IGNORED]], names[said[row != IGNORED]]) for row, said in zip(labels, predictions, strict=True)
    ]
    true, said = ([row[place].tolist() for row in rows] for place in (0, 1))
    measures = (f1_score, precision_score, recall_score)
    return {
        name: float(measure(true, said, zero_division=0))
        for name, measure in zip(ENTITY_METRICS, measures, strict=True)
    }
