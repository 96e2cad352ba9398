"""PGD on the label's loss, with a step size that falls."""

from typing import Any

from torch import Tensor

from engine.methods.passes import PerturbedBatch
from engine.perturbation import ascend
from engine.robustness.attacks import ATTACKS, Attack


@ATTACKS.add
class PGD(Attack):
    """Projected gradient ascent (Madry et al. 2018) on the cross-entropy of the label.

    The step size starts at 2.5 ε / K and falls linearly, towards a tenth of it (`schedule="linear"`), or stays
    (`"constant"`).
    """

    name = "pgd"
    year = 2018
    summary = "PGD on the cross-entropy"

    def start(self, batch: PerturbedBatch) -> Any:
        """δ_0, and 0 steps done."""
        return self.first(batch), 0

    def ascend(self, state: Any, gradient: Tensor, batch: PerturbedBatch) -> Any:
        """One ascent step, of the size that the schedule gives."""
        delta, step = state
        falling = 1.0 - 0.9 * step / self.steps
        size = (
            2.5 * self.epsilon / self.steps * (falling if self.options.get("schedule", "linear") == "linear" else 1.0)
        )
        return ascend(delta, gradient, step_size=size, epsilon=self.epsilon).detach(), step + 1
