"""APGD on the logits' margin (from three classes on DLR)."""

from torch import Tensor

from engine.methods.passes import PerturbedBatch
from engine.robustness.attacks import ATTACKS
from engine.robustness.attacks.apgd import APGD
from engine.robustness.attacks.margin import margin_loss


@ATTACKS.add
class MarginAPGD(APGD):
    """As `apgd`, on `margin_loss`."""

    name = "apgd margin"
    year = 2020
    summary = "APGD on the margin of the logits"
    on_cross_entropy = False

    def value(self, logits: Tensor, batch: PerturbedBatch) -> Tensor:
        """The margin, or DLR."""
        return margin_loss(logits, batch.labels)
