"""Weights that are moved and come back: what SAM, ASAM and AWP share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Part:
    """What of one weight a gradient can move: the whole of it, or the rows of an embedding table that the batch looked up.

    A batch looks up a few hundred of 30,522 rows, and a step along the gradient leaves the others where they are; half of a small
    encoder's weights are this table.
    """

    weight: nn.Parameter
    """The whole weight."""
    gradient: Tensor
    """Of this part."""
    rows: Tensor | None = None
    """Which rows this part is; None: all."""

    @property
    def values(self) -> Tensor:
        """The weights of this part, without graph: a copy where it is rows, else the weight itself."""
        return self.weight.detach() if self.rows is None else self.weight.detach()[self.rows]


def parts_of(model: nn.Module, weights: Sequence[nn.Parameter], gradients: Sequence[Tensor]) -> list[Part]:
    """One part per weight, in their order; a row whose gradient is zero in every number is in none."""
    tables = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
    found = []
    for weight, gradient in zip(weights, gradients, strict=True):
        rows = None
        if id(weight) in tables:  # The largest and the smallest: over a dimension `any` takes twenty times as long.
            rows = torch.logical_or(gradient.amax(dim=1) != 0, gradient.amin(dim=1) != 0).nonzero().squeeze(1)
        found.append(Part(weight, gradient if rows is None else gradient[rows], rows))
    return found


@contextmanager
def moved(parts: Sequence[Part], by: Sequence[Tensor]) -> Iterator[None]:
    """The weights are elsewhere while the block runs, and then where they were, to the bit."""
    before = [each.values.clone() if each.rows is None else each.values for each in parts]
    try:
        with torch.no_grad():
            for part, old, step in zip(parts, before, by, strict=True):
                if part.rows is None:
                    part.weight.add_(step)
                else:
                    part.weight[part.rows] = old + step
        yield
    finally:
        with torch.no_grad():
            for part, old in zip(parts, before, strict=True):
                if part.rows is None:
                    part.weight.copy_(old)
                else:
                    part.weight[part.rows] = old
