"""What models are judged by."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.data.marks import ONE_CLASS, one_class_share
from engine.data.tasks import IGNORED, Task


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
