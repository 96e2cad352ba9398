"""Whether a classifier is as sure as it is right: expected calibration error and the reliability diagram."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from engine.analysis.classifier import Classifier
from engine.analysis.examples import Progress, batches
from engine.errors import UserError

BINS = 15


def calibration_of(confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS) -> dict[str, Any]:
    """ECE (Guo et al. 2017, eq. 3): Σ_b |b|/n · |accuracy(b) - confidence(b)| over bins of equal width.

    Returns:
        `ece`, `accuracy`, `confidence` (means), and per bin that is not empty: `bins` with `low`, `high`, `confidence`,
        `accuracy`, `count`.
    """
    # A bin holds its upper edge, as in the paper: (low, high].
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows: list[dict[str, float]] = []
    ece = 0.0
    for each in range(bins):
        inside = place == each
        if not inside.any():
            continue
        sure, hit = float(confidence[inside].mean()), float(right[inside].mean())
        ece += float(inside.mean()) * abs(hit - sure)
        rows.append(
            {
                "low": each / bins,
                "high": (each + 1) / bins,
                "confidence": sure,
                "accuracy": hit,
                "count": int(inside.sum()),
            }
        )
    return {"ece": ece, "accuracy": float(right.mean()), "confidence": float(confidence.mean()), "bins": rows}


def calibration(classifier: Classifier, table: pd.DataFrame, progress: Progress | None = None) -> dict[str, Any]:
    """`calibration_of` a classifier on a table of `text`, perhaps `text_pair`, `label`.

    Raises:
        UserError: a regression model.
    """
    if classifier.is_regression:
        raise UserError("Calibration needs classes: choose a classifier, not a regression model.")
    confidence, right = np.zeros(len(table)), np.zeros(len(table), dtype=bool)
    for places, batch in batches(classifier, table, progress=progress):
        with torch.no_grad():
            logits = classifier.model(**{name: tensor for name, tensor in batch.items() if name != "labels"}).logits
        sure, said = logits.float().softmax(dim=-1).max(dim=-1)
        confidence[places], right[places] = sure.cpu().numpy(), (said == batch["labels"]).cpu().numpy()
    return calibration_of(confidence, right)
