"""APGD on the logits' margin (from three classes on DLR)."""

from engine.robustness.attacks import ATTACKS
from engine.robustness.attacks.apgd import APGD
from engine.robustness.attacks.margin import OnMargin


@ATTACKS.add
class MarginAPGD(OnMargin, APGD):
    """As `apgd`, on `margin_loss`."""

    name = "apgd margin"
    year = 2020
    summary = "APGD on the margin of the logits"
