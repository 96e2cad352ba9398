"""Every text that the word sets allow, tried one by one: what is true, without a vote or a bound."""

import itertools
import math

import torch

from engine.errors import UserError
from engine.progress import Progress, told
from engine.robustness.certificates import WORDS, Certified, Question, certificate
from engine.robustness.text import BATCH, State, split
from engine.robustness.victim import Victim


@certificate("enumeration", 2026, "candidates", "most", smoothed=False)
def enumeration(asked: Question, progress: Progress = None) -> Certified:
    """The model's answer to every text that replacing words by similar ones can make.

    Raises:
        UserError: no words, or more texts than `most`.
    """
    words, gaps = split(asked.text)
    if not words:
        raise UserError("The text has no words to change.")
    choices = [[None, *dict.fromkeys(each for each in asked.sets(word) if each != word)] for word in words]
    count = math.prod(map(len, choices))
    if count > asked.most:
        raise UserError(
            f"There are {count:,} texts to try, more than {asked.most:,}: allow fewer candidates per word, or give a shorter text."
        )
    state, victim = State(words, gaps, 0), Victim(asked.classifier, asked.pair)
    prediction = int(victim([asked.text])[0].argmax())
    fewest, tried = math.inf, 0
    every = itertools.product(*choices)
    while part := list(itertools.islice(every, BATCH)):
        swaps = [{place: word for place, word in enumerate(each) if word is not None} for each in part]
        said = victim([state.text(swap) for swap in swaps]).argmax(dim=-1)
        wrong = [
            len(swap) for swap, other in zip(swaps, said != torch.tensor(prediction), strict=True) if other and swap
        ]
        fewest, tried = min([fewest, *wrong]), tried + len(swaps)
        told(progress, tried, count)
    free = sum(len(each) > 1 for each in choices)
    holds = math.isinf(fewest)
    return Certified(prediction, holds, free if holds else fewest - 1, WORDS, tried, None, False, 1.0, free)
