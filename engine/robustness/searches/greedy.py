"""Greedy: the words that matter most first, each replaced by the candidate that lowers the label's probability most.

As TextFooler (Jin et al. 2020) and PWWS (Ren et al. 2019); how much a word
matters is how much probability the label loses without it.
"""

import torch

from engine.robustness.searches import affordable, allowed, budget, search
from engine.robustness.text import Limits, State
from engine.robustness.victim import Victim


@search("greedy", 2020)
def greedy(victim: Victim, state: State, options: dict[int, list[str]], text: str, limits: Limits, seed: int) -> None:
    """The most important word first, its best candidate; until the label falls or the budget is used up."""
    places = list(options)[: affordable(victim, state, limits, len(options) + 1) - 1]
    if not places:
        return
    without = victim([state.text({place: ""}) for place in places])[:, state.label]
    current = float(victim([state.text()])[0, state.label])
    for at in without.argsort().tolist():
        place = places[at]
        texts = [state.text({place: word}) for word in options[place]]
        texts = texts[: affordable(victim, state, limits, len(texts))]
        if len(state.changes) >= budget(state, limits) or not texts:
            return
        near = torch.tensor(allowed(text, texts, limits))
        if not near.any():
            continue
        found = victim(texts)
        own = found[:, state.label].masked_fill(~near, 2.0)
        best = int(own.argmin())
        if float(own[best]) < current:
            state.swap(place, options[place][best])
            current = float(own[best])
            if int(found[best].argmax()) != state.label:
                return
