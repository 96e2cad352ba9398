"""APGD: PGD that sets its step size by how the climb goes (Croce & Hein 2020)."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from engine.methods.passes import PerturbedBatch
from engine.perturbation import project, unit_example
from engine.robustness.attacks import ATTACKS, Attack

MOMENTUM = 0.75  # α: the share of the new step; the rest is that of the last one.
ENOUGH = 0.75  # ρ: the share of the steps since a checkpoint that must have gone upwards.


def checkpoints(steps: int) -> list[int]:
    """The steps at which the step size may be halved: at 22 % of them, then after intervals that shrink by 3 % down to 6 %."""
    shares = [0.0, 0.22]
    while shares[-1] < 1.0:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    return sorted({math.ceil(round(share * steps, 6)) for share in shares[1:] if share <= 1.0})


@dataclass(frozen=True)
class Climb:
    """Where the climbs of a batch stand. Per example: `size` `[B, 1, 1]`, `value` and `best_value` `[B]`, how many steps went
    upwards since the last checkpoint, `best_value` and whether the size was halved there; δ of now, before, and the best,
    with its gradient, `[B, L, D]`.
    """

    step: int
    checkpoint: int
    size: Tensor
    before: Tensor
    value: Tensor
    best: Tensor
    best_gradient: Tensor
    best_value: Tensor
    upwards: Tensor
    best_at_checkpoint: Tensor
    halved: Tensor


@ATTACKS.add
class APGD(Attack):
    """APGD on the cross-entropy, in the Frobenius ball (Croce & Hein, ICML 2020, Algorithm 1).

    The first step is 2ε. At each checkpoint an example's size is halved, and its climb goes on from its best point, if fewer
    than 75 % of the steps since the last one went upwards, or if neither its size nor its best value has changed.
    """

    name = "apgd"
    year = 2020
    summary = "APGD on the cross-entropy"

    def start(self, batch: PerturbedBatch) -> Any:
        """δ_0, and no climb yet."""
        return self.first(batch), None

    def ascend(self, state: Any, gradient: Tensor, batch: PerturbedBatch) -> Any:
        """One step, after the books are kept."""
        delta, climb = state
        climb = self._begun(delta, gradient) if climb is None else self._after(climb, delta, gradient)
        if climb.step in checkpoints(self.steps):
            delta, gradient, climb = self._checked(climb, delta, gradient)
        ahead = project(delta + climb.size * unit_example(gradient), self.epsilon)
        share = MOMENTUM if climb.step else 1.0
        moved = project(delta + share * (ahead - delta) + (1 - share) * (delta - climb.before), self.epsilon)
        return moved.detach(), replace(climb, step=climb.step + 1, before=delta)

    def _begun(self, delta: Tensor, gradient: Tensor) -> Climb:
        none = torch.zeros_like(self.seen)
        size = torch.full_like(self.seen, 2 * self.epsilon)[:, None, None]
        halved = torch.ones_like(
            self.seen, dtype=torch.bool
        )  # So that the second reason waits for the second checkpoint.
        return Climb(0, 0, size, delta, self.seen, delta, gradient, self.seen, none, self.seen, halved)

    def _after(self, climb: Climb, delta: Tensor, gradient: Tensor) -> Climb:
        better = self.seen > climb.best_value
        wide = better[:, None, None]
        return replace(
            climb,
            value=self.seen,
            upwards=climb.upwards + (self.seen > climb.value),
            best=torch.where(wide, delta, climb.best),
            best_gradient=torch.where(wide, gradient, climb.best_gradient),
            best_value=torch.where(better, self.seen, climb.best_value),
        )

    def _checked(self, climb: Climb, delta: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Climb]:
        """At a checkpoint."""
        too_few = climb.upwards < ENOUGH * (climb.step - climb.checkpoint)
        stuck = ~climb.halved & (climb.best_value <= climb.best_at_checkpoint)
        halve = too_few | stuck
        wide = halve[:, None, None]
        kept = replace(
            climb,
            checkpoint=climb.step,
            size=torch.where(wide, climb.size / 2, climb.size),
            upwards=torch.zeros_like(climb.upwards),
            best_at_checkpoint=climb.best_value,
            halved=halve,
        )
        return torch.where(wide, climb.best, delta), torch.where(wide, climb.best_gradient, gradient), kept
