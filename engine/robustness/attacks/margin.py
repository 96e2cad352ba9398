"""PGD on the logits' margin: it has a slope where the cross-entropy has saturated."""

import torch
from torch import Tensor

from engine.methods.passes import PerturbedBatch
from engine.robustness.attacks import ATTACKS
from engine.robustness.attacks.pgd import PGD
from engine.subjects.samples import margins


def margin_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """How far the largest other logit lies above the label's, `[B]`; from three classes on as a share of the distance between
    the largest and the third largest logit (DLR, Croce & Hein 2020, eq. (6)), which no scale of the logits changes.
    """
    above = -margins(logits, labels)
    if logits.shape[-1] < 3:
        return above
    largest = torch.topk(logits, 3, dim=-1).values
    return above / (largest[:, 0] - largest[:, 2]).clamp_min(1e-12)


class OnMargin:
    """What an attack on `margin_loss` is, whatever its steps are."""

    on_cross_entropy = False

    def value(self, logits: Tensor, batch: PerturbedBatch) -> Tensor:
        """The margin, or DLR."""
        return margin_loss(logits, batch.labels)


@ATTACKS.add
class MarginPGD(OnMargin, PGD):
    """As `pgd`, on `margin_loss`."""

    name = "margin"
    year = 2020
    summary = "PGD on the margin of the logits"
