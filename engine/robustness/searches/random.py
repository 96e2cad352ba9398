"""Random words, random candidates, as many as the other searches may change: what chance alone does."""

import random

from engine.robustness.searches import affordable, allowed, budget, search
from engine.robustness.text import Limits, State
from engine.robustness.victim import Victim


@search("random", 0)
def random_swaps(
    victim: Victim, state: State, options: dict[int, list[str]], text: str, limits: Limits, seed: int
) -> None:
    """Random words become random candidates, one after another, until the label falls or the budget is used up."""
    chance = random.Random(f"{seed} {text}")
    places = list(options)
    chance.shuffle(places)
    for place in places:
        if len(state.changes) >= budget(state, limits) or not affordable(victim, state, limits, 1):
            return
        word = chance.choice(options[place])
        if not allowed(text, [state.text({place: word})], limits)[0]:
            continue
        state.swap(place, word)
        if int(victim([state.text()])[0].argmax()) != state.label:
            return
