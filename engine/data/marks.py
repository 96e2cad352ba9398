"""When a model's figures say nothing: it has collapsed, or was measured on next to nothing."""

from typing import Any

import numpy as np

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
