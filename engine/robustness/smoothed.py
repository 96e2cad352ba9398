"""An attack on the smoothed classifier (see `certificates.gaussian`): the climb sees the noise that its votes will see."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.ascent import climb
from engine.methods.passes import PerturbedBatch
from engine.robustness.attacks.margin import MarginPGD
from engine.robustness.certificates import Question
from engine.robustness.certificates.gaussian import said_under_noise
from engine.statistics import binomial_low

COPIES = 2  # Noisy copies whose mean gradient is one step.
LOOK, COUNTED = 16, 64  # Votes for a first look, and those that are counted.


class SmoothedPGD(MarginPGD):
    """PGD on the mean margin of noisy copies of one example (SmoothAdv, Salman et al. 2019), all moved by the same δ.

    Args:
        noise: `[copies, L, D]`, fixed for the climb.
    """

    def __init__(self, epsilon: float, steps: int, noise: Tensor, **options: Any) -> None:
        super().__init__(epsilon, steps, **options)
        self.noise = noise

    def total(self, state: Any) -> Tensor:
        """δ and the noise, `[copies, L, D]`; every copy of δ is the same."""
        delta: Tensor = state[0]
        return delta + self.noise

    def ascend(self, state: Any, gradient: Tensor, batch: PerturbedBatch) -> Any:
        """One step along the mean gradient."""
        return super().ascend(state, gradient.mean(dim=0, keepdim=True).expand_as(gradient), batch)


def smoothed_end(asked: Question, batch: dict[str, Tensor], label: int, epsilon: float, steps: int) -> Tensor:
    """Where the climb ends, δ `[1, L, D]`.

    Args:
        batch: of one example.
    """
    classifier = asked.classifier
    labels = torch.full((COPIES,), label, device=classifier.device)
    rows = {name: each.expand(COPIES, *each.shape[1:]) for name, each in batch.items()} | {"labels": labels}
    here = PerturbedBatch(classifier.model, rows, site=asked.site)
    generator = torch.Generator().manual_seed(asked.seed + 1)
    noise = torch.randn(here.like.shape, generator=generator).to(here.like) * asked.sigma * here.mask3
    attack = SmoothedPGD(epsilon, steps, noise, site=asked.site)
    end = climb(attack, classifier.model, rows, steps=steps)[-1].delta
    return (end - noise)[:1]


def falls_at(asked: Question, batch: dict[str, Tensor], delta: Tensor, label: int, tries: int = 1) -> bool:
    """Whether the smoothed classifier says something else at X + δ: the label has less than half of all votes. Votes that do
    not show that count for the classifier.

    Args:
        tries: how many δ of this text are tried; one of them is shown to fall wrongly with probability α at most (Bonferroni).
    """
    return falls(said_under_noise(asked, batch, delta), label, asked.alpha / tries)


def falls(said: Callable[[int], Tensor], label: int, alpha: float) -> bool:
    """Whether fresh votes show, with a confidence of 1 - α, that the label has less than half of them all."""
    if int((said(LOOK) != label).sum()) < LOOK / 2:  # Not worth more votes.
        return False
    others = int((said(COUNTED) != label).sum())
    return binomial_low(others, COUNTED, alpha) > 0.5
