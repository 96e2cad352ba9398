"""The attack in embedding space: PGD on the true label's loss, as strong as its steps and restarts make it."""

from typing import Any

import torch
from torch import Tensor

from engine.ascent import Point, climb
from engine.methods.passes import PerturbedBatch
from engine.methods.pgd import PGD
from engine.perturbation import ascend, example_noise, unit_example
from engine.sites import EMBEDDINGS
from engine.subjects.classifier import Classifier


class ScheduledPGD(PGD):
    """PGD whose step size starts at 2.5 ε / K and stays (`constant`) or falls linearly, towards a tenth of it (`linear`).

    It starts from δ = 0, or (`seed`) from a random point of the ball's surface. Its state is (δ, steps done).
    """

    def __init__(self, epsilon: float, steps: int, schedule: str, seed: int | None, site: str = EMBEDDINGS) -> None:
        super().__init__(epsilon=epsilon, site=site)
        self.steps, self.schedule, self.start_seed = steps, schedule, seed

    def start(self, batch: PerturbedBatch) -> Any:
        """The starting state: δ_0, and 0 steps done."""
        if self.start_seed is None:
            return torch.zeros_like(batch.like), 0
        noise = example_noise(batch.mask, batch.keys(), batch.like, seed=self.start_seed, normal=True)
        return (self.settings.epsilon or 0.0) * unit_example(noise), 0

    def total(self, state: Any) -> Tensor:
        """δ alone, without the number of steps done."""
        delta: Tensor = state[0]
        return delta

    def ascend(self, state: Any, gradient: Tensor, batch: PerturbedBatch) -> Any:
        """One ascent step, of the size that the schedule gives."""
        (delta, step), epsilon = state, self.settings.epsilon or 0.0
        size = 2.5 * epsilon / self.steps * (1.0 if self.schedule == "constant" else 1.0 - 0.9 * step / self.steps)
        return ascend(delta, gradient, step_size=size, epsilon=epsilon).detach(), step + 1


def falls(
    classifier: Classifier,
    batch: dict[str, Tensor],
    epsilon: float,
    steps: int,
    schedule: str = "linear",
    seed: int = 0,
    random_start: bool = False,
    site: str = EMBEDDINGS,
) -> Tensor:
    """Whether the attack changes the prediction away from the label at any of its points, [B], on the CPU."""
    down = torch.zeros(len(batch["labels"]), dtype=torch.bool)

    def all_down(point: Point) -> bool:
        nonlocal down
        down = down | (point.logits.argmax(dim=-1) != batch["labels"]).cpu()
        return bool(down.all())

    attack = ScheduledPGD(epsilon, steps, schedule, seed if random_start else None, site)
    climb(attack, classifier.model, batch, steps=steps if epsilon else 0, until=all_down)
    return down
