"""Randomized ablation: whatever happens to a few words, most random masks hide them (RanMASK, Zeng et al. 2021)."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from engine.errors import UserError
from engine.methods.ranmask import shown_words
from engine.progress import Progress
from engine.robustness.certificates import WORDS, Certified, Question, certificate
from engine.robustness.certificates.votes import vote
from engine.robustness.text import State, split
from engine.robustness.victim import Victim


def hidden_share(words: int, kept: int, changed: int) -> Fraction:
    """The share of the masks that hide all of some `changed` words: C(n - r, k) / C(n, k)."""
    return Fraction(math.comb(words - changed, kept), math.comb(words, kept))


def radius_of(p_low: float, words: int, kept: int) -> int:
    """The largest r for which p_low - (1 - C(n - r, k) / C(n, k)) > 1/2; 0 if none is.

    β = 1, the sound form: Zeng et al. multiply by an estimate β of how often a mask that shows a changed word changes the
    answer, which is no bound.
    """
    found = 0
    while found < words and Fraction(p_low) - 1 + hidden_share(words, kept, found + 1) > Fraction(1, 2):
        found += 1
    return found


@certificate("ablation", 2021, "keep", "samples", "alpha", "seed", smoothed=True)
def ablation(asked: Question, progress: Progress = None) -> Certified:
    """What the model says most often when random words are masked, if any r words become anything at all.

    Raises:
        UserError: no words, no word to mask, or a tokenizer without a mask.
    """
    words = len(split(asked.text)[0])
    votes = vote(said_when_masked(asked), asked.samples, asked.alpha, progress)
    kept = kept_words(asked.keep, words)
    radius = radius_of(votes.p_low, words, kept)
    return Certified(
        votes.prediction, radius > 0, radius, WORDS, votes.samples, votes.p_low, votes.abstained, votes.share, words,
        radius_of(1.0, words, kept),
    )  # fmt: skip


def masked(text: str, keep: float, mask: str, generator: torch.Generator) -> str:
    """The text with all words hidden but a random k of them."""
    words, gaps = split(text)
    hidden = torch.randperm(len(words), generator=generator)[kept_words(keep, len(words)) :].tolist()
    return State(words, gaps, 0).text(dict.fromkeys(hidden, mask))


def mask_of(tokenizer: Any) -> str:
    """The token that hides a word.

    Raises:
        UserError: the tokenizer has none.
    """
    if tokenizer.mask_token is None:
        raise UserError("This model's tokenizer has no mask token: randomized ablation needs one.")
    return str(tokenizer.mask_token)


def said_when_masked(asked: Question) -> Callable[[int], Tensor]:
    """What votes are made of: the classes that the model gives to so many fresh random masks of the text."""
    mask, victim = mask_of(asked.classifier.tokenizer), Victim(asked.classifier, asked.pair)
    generator = torch.Generator().manual_seed(asked.seed)
    return lambda count: victim([masked(asked.text, asked.keep, mask, generator) for _ in range(count)]).argmax(dim=-1)


def kept_words(keep: float, words: int) -> int:
    """K of n words, at least one and not all.

    Raises:
        UserError: a text of fewer than two words.
    """
    if words < 2:
        raise UserError(f"Randomized ablation needs a text of at least two words, but it has {words}.")
    return shown_words(keep, words)
