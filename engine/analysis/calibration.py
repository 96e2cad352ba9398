"""Whether a classifier is as sure as it is right: expected calibration error and the reliability diagram."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analysis import Result, analysis
from engine.progress import Progress
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample, batches

BINS = 15


@dataclass(frozen=True)
class Bin:
    """The examples whose confidence lies in (low, high]: their mean confidence, accuracy and number."""

    low: float
    high: float
    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Calibration(Result):
    """`ece`: the expected calibration error. `accuracy`, `confidence`: means. `bins`: those that are not empty."""

    ece: float
    accuracy: float
    confidence: float
    bins: list[Bin]

    def document(self) -> dict[str, Any]:
        """All fields, under the key `calibration`."""
        return {"calibration": asdict(self)}

    def text(self) -> str:
        """The expected calibration error, in words."""
        return f"expected calibration error {self.ece:.3f}"


def calibration_of(confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS) -> Calibration:
    """ECE (Guo et al. 2017, eq. 3): Σ_b |b|/n · |accuracy(b) - confidence(b)| over bins of equal width.

    Args:
        confidence: [n], the probability of the predicted class.
        right: [n], whether it is the label.
    """
    # A bin holds its upper edge, as in the paper: (low, high].
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows: list[Bin] = []
    ece = 0.0
    for each in range(bins):
        inside = place == each
        if not inside.any():
            continue
        sure, hit = float(confidence[inside].mean()), float(right[inside].mean())
        ece += float(inside.mean()) * abs(hit - sure)
        rows.append(Bin(each / bins, (each + 1) / bins, sure, hit, int(inside.sum())))
    return Calibration(ece, float(right.mean()), float(confidence.mean()), rows)


@analysis("calibration", "Calibration", Sample, needs="classes", many=True)
def calibration(classifier: Classifier, asked: Sample, progress: Progress = None) -> Calibration:
    """`calibration_of` a classifier on a sample."""
    return calibration_of(*confidences(classifier, asked.table(classifier), progress))


def confidences(
    classifier: Classifier, table: pd.DataFrame, progress: Progress = None
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """The probability of the predicted class, and whether it is the label, [n] each, on a table of examples."""
    confidence, right = np.zeros(len(table)), np.zeros(len(table), dtype=bool)
    for places, batch in batches(classifier, table, progress=progress):
        sure, said = classifier.logits(batch).float().softmax(dim=-1).max(dim=-1)
        confidence[places], right[places] = sure.cpu().numpy(), (said == batch["labels"]).cpu().numpy()
    return confidence, right
