"""APGD towards each of the other classes, one after the other."""

from typing import Any

from torch import Tensor

from engine.methods.passes import PerturbedBatch
from engine.robustness.attacks import ATTACKS
from engine.robustness.attacks.apgd import APGD

MOST = 9  # Of the other classes: those with the largest logits (AutoAttack's number).


@ATTACKS.add
class Targeted(APGD):
    """APGD on z_t - z_y, where t is the class with the `rank`-th largest of the other logits at the start.

    With two classes it is the margin, which other attacks climb.
    """

    name = "targeted"
    year = 2020
    summary = "APGD towards each other class"
    on_cross_entropy = False
    target: Tensor | None = None

    @classmethod
    def variants(cls, classes: int) -> list[dict[str, Any]]:
        """One per other class, from three classes on."""
        return [{"rank": rank} for rank in range(1, min(classes, MOST + 1))] if classes > 2 else []

    def value(self, logits: Tensor, batch: PerturbedBatch) -> Tensor:
        """z_t - z_y."""
        own = batch.labels[:, None]
        if self.target is None:
            order = logits.detach().scatter(1, own, float("-inf")).argsort(dim=-1, descending=True)
            self.target = order[:, self.options["rank"] - 1, None]
        return (logits.gather(1, self.target) - logits.gather(1, own))[:, 0]
