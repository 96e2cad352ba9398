"""What a model says most often of random variants of a text, with a bound on how often."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.progress import Progress, told
from engine.statistics import binomial_low

BATCH = 64
FIRST = 50  # Votes that choose the class; they are not counted, or the bound would be too high.


@dataclass(frozen=True)
class Votes:
    """`share` and `p_low` are those of `prediction`. `samples`: counted votes, fewer where nothing could be shown any more."""

    prediction: int
    share: float
    samples: int
    p_low: float

    @property
    def abstained(self) -> bool:
        """Whether the class is not shown to be the most frequent one."""
        return self.p_low <= 0.5


def vote(said: Callable[[int], Tensor], samples: int, alpha: float, progress: Progress = None) -> Votes:
    """Choose the class by a first few votes, then count how many of `samples` further ones it gets.

    The count ends early when the rest cannot lift the bound above 1/2 any more: to abstain is never wrong (Cohen et al. 2019,
    Algorithm CERTIFY, with that addition).

    Args:
        said: the classes that the model gives to so many fresh variants, `[count]`.
        samples: counted votes, unless it ends early.
        alpha: the bound is too high with at most this probability.
    """
    prediction = int(torch.mode(said(FIRST)).values)
    done = own = 0
    while done < samples:
        part = said(min(BATCH, samples - done))
        done, own = done + len(part), own + int((part == prediction).sum())
        told(progress, done, samples)
        if binomial_low(own + samples - done, samples, alpha) <= 0.5:
            break
    return Votes(prediction, own / done, done, binomial_low(own, done, alpha) if done == samples else 0.0)
