"""A word attack on the smoothed classifier of randomized ablation: its search sees random masks, as the votes will."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from engine.robustness.certificates import Question
from engine.robustness.certificates.ablation import mask_of, masked, said_when_masked
from engine.robustness.searches import Run
from engine.robustness.smoothed import falls
from engine.robustness.text import Limits, State, split
from engine.robustness.victim import Victim

MASKS = 8  # Of every text that the search asks about.


class MaskedVictim(Victim):
    """Says the mean over a few random masks of every text, the same draws for each."""

    def __init__(self, asked: Question) -> None:
        super().__init__(asked.classifier, asked.pair)
        self.keep, self.seed, self.mask = asked.keep, asked.seed + 1, mask_of(asked.classifier.tokenizer)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Mean class probabilities, `[N, C]`."""
        made = []
        for text in texts:
            generator = torch.Generator().manual_seed(self.seed)
            few = len(split(text)[0]) < 2  # Nothing is left to be hidden.
            made += [text if few else masked(text, self.keep, self.mask, generator) for _ in range(MASKS)]
        return super().__call__(made).reshape(len(texts), MASKS, -1).mean(dim=1)


def changes_in_order(victim: Victim, search: Run, asked: Question, label: int, most: int) -> tuple[list[str], bool]:
    """The text after each change of a greedy search, 1 to `most` of them, and whether the victim's answer turned at the last.

    A change that makes another number of words is left out: the certificate is of as many words as there were.
    """
    words, gaps = split(asked.text)
    options = {
        place: [each for each in asked.sets(word) if len(split(each)[0]) == 1] for place, word in enumerate(words)
    }
    state = State(list(words), gaps, label)
    limits = Limits(most_changed=min(1.0, (most + 0.5) / len(words)), least_similar=-1.0, keep_stop_words=False)
    search(victim, state, {place: each for place, each in options.items() if each}, asked.text, limits, asked.seed)
    plain, swaps, found = State(words, gaps, label), {}, []
    for place, (_, new) in state.changes.items():
        swaps[place] = new
        found.append(plain.text(swaps))
    found = [text for text in found if len(split(text)[0]) == len(words)]
    return found, bool(found) and int(victim([found[-1]])[0].argmax()) != label


def smallest_fall(search: Run, asked: Question, label: int, most: int) -> int | None:
    """How many changed words are shown to change the smoothed classifier's answer, by one search; None: not up to `most`.

    One of the texts is shown to fall wrongly with probability α at most (Bonferroni).
    """
    texts, _ = changes_in_order(MaskedVictim(asked), search, asked, label, most)
    for count, text in enumerate(texts, start=1):
        if falls(said_when_masked(replace(asked, text=text, seed=asked.seed + 2)), label, asked.alpha / most):
            return count
    return None
