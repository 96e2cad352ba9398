"""Randomized substitution: every word drawn anew from its set, which changes little with the word (SAFER, Ye et al. 2020)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from engine.errors import UserError
from engine.progress import Progress
from engine.robustness.certificates import WORDS, Certified, Question, certificate
from engine.robustness.certificates.votes import vote
from engine.robustness.text import State, split
from engine.robustness.victim import Victim


def overlap(word: str, sets: Callable[[str], Sequence[str]]) -> float:
    """q_w: the least that the sets of a word and of one that it may become have in common, min |P ∩ P'| / max(|P|, |P'|).

    P is the word with what it may become. The distributions of two uniform draws share that much (1 - their total
    variation distance); Ye et al. divide by |P| alone, which is the same for sets of one size, and no bound where P' is larger.
    """
    own = {word, *sets(word)}
    shares = [1.0]
    for other in own - {word}:
        theirs = {other, *sets(other)}
        shares.append(len(own & theirs) / max(len(own), len(theirs)))
    return min(shares)


def radius_of(p_low: float, overlaps: Sequence[float]) -> int:
    """How many words may be replaced, whichever they are: the largest r with p_low - 1 + Π of the r smallest q_w > 1/2."""
    found, product = 0, 1.0
    for each in sorted(overlaps):
        product *= each
        if p_low - 1 + product <= 0.5:
            break
        found += 1
    return found


@certificate("substitution", 2020, "candidates", "samples", "alpha", "seed", smoothed=True)
def substitution(asked: Question, progress: Progress = None) -> Certified:
    """What the model says most often when every word is drawn from its set, if words become others of their sets.

    Raises:
        UserError: no words.
    """
    words, gaps = split(asked.text)
    if not words:
        raise UserError("The text has no words to change.")
    pools = [[word, *(each for each in asked.sets(word) if each != word)] for word in words]
    free = [place for place, pool in enumerate(pools) if len(pool) > 1]
    state, victim = State(words, gaps, 0), Victim(asked.classifier, asked.pair)
    generator = torch.Generator().manual_seed(asked.seed)

    def said(count: int) -> Tensor:
        draws = {place: torch.randint(len(pools[place]), (count,), generator=generator).tolist() for place in free}
        texts = [state.text({place: pools[place][draws[place][at]] for place in free}) for at in range(count)]
        return victim(texts).argmax(dim=-1)

    votes = vote(said, asked.samples, asked.alpha, progress)
    overlaps = [overlap(words[place], asked.sets) for place in free]
    radius = 0 if votes.abstained else radius_of(votes.p_low, overlaps)
    certified = not votes.abstained and radius == len(free)
    return Certified(
        votes.prediction, certified, radius, WORDS, votes.samples, votes.p_low, votes.abstained, votes.share, len(free),
        radius_of(1.0, overlaps),
    )  # fmt: skip
