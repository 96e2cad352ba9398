"""A random search that needs no gradient: it sees what hides its gradients."""

from typing import Any

import torch
from torch import Tensor

from engine.methods.passes import PerturbedBatch
from engine.perturbation import example_noise, unit_example
from engine.robustness.attacks import ATTACKS, Attack
from engine.subjects.samples import margins

QUERIES = 10  # Per step of the others: a pass without a gradient is cheaper, and knows less.
LARGEST, SMALLEST = 0.8, 0.05  # Share of the tokens that a proposal changes, at the beginning and at the end.


@ATTACKS.add
class Square(Attack):
    """Proposals of new noise on a window of neighbouring tokens, on the ball's surface, kept where they lower the margin.

    In the manner of the Square attack (Andriushchenko et al., ECCV 2020), with tokens in the place of squares of an image; the
    window shrinks as it goes. `steps` × 10 queries.
    """

    name = "square"
    year = 2020
    summary = "random search without gradients"
    on_cross_entropy = False
    takes_gradient = False

    def __init__(self, epsilon: float, steps: int, **options: Any) -> None:
        super().__init__(epsilon, QUERIES * steps, **options)

    def value(self, logits: Tensor, batch: PerturbedBatch) -> Tensor:
        """How far the largest other logit lies above the label's."""
        return -margins(logits, batch.labels)

    def start(self, batch: PerturbedBatch) -> Any:
        """The proposal; the best δ and its value; how many there were."""
        first = self.first(batch)
        return first, first, torch.full_like(first[:, 0, 0], float("-inf")), 0

    def ascend(self, state: Any, gradient: Tensor, batch: PerturbedBatch) -> Any:
        """Keep the proposal where it is better, and make the next one."""
        proposal, best, value, step = state
        better = self.seen > value
        best = torch.where(better[:, None, None], proposal, best)
        noise = self._noise(batch, step)
        moved = best + self.epsilon * unit_example(noise)
        return self.epsilon * unit_example(moved), best, torch.where(better, self.seen, value), step + 1

    def _noise(self, batch: PerturbedBatch, step: int) -> Tensor:
        """Normal noise on a window of each example's tokens, whose place is drawn with it."""
        seed = 100_003 * ((self.start_seed or 0) + 1) + step
        noise = example_noise(batch.mask, batch.keys(), batch.like, seed=seed, normal=True)
        share = LARGEST * (SMALLEST / LARGEST) ** (step / self.steps)
        place = batch.mask.cumsum(dim=1) - 1  # Of each token among those that may move.
        count = batch.mask.sum(dim=1, keepdim=True).clamp_min(1)
        width = (share * count).ceil()
        generator = torch.Generator().manual_seed(seed)
        at = (torch.rand(len(count), 1, generator=generator).to(noise) * (count - width + 1)).floor()
        return noise * ((place >= at) & (place < at + width))[..., None]
