"""PWWS: how much a word matters times what its best candidate gains decides which words go first (Ren et al. 2019)."""

import torch

from engine.robustness.searches import affordable, allowed, budget, search
from engine.robustness.text import Limits, State
from engine.robustness.victim import Victim


@search("pwws", 2019)
def pwws(victim: Victim, state: State, options: dict[int, list[str]], text: str, limits: Limits, seed: int) -> None:
    """Words by φ(S)_i · ΔP_i, each replaced by its best candidate; until the label falls or the budget is used up.

    S_i: the probability that the label loses without the word (Ren et al.: with an unknown one in its place), φ the softmax over the
    words; ΔP_i: what it loses by the best candidate, on the text as it was (their equations 3 to 8).
    """
    places = list(options)[: affordable(victim, state, limits, len(options) + 1) - 1]
    if not places:
        return
    asked = victim([state.text(), *(state.text({place: ""}) for place in places)])[:, state.label]
    saliency = (asked[0] - asked[1:]).softmax(dim=0)
    best: list[tuple[float, int, str]] = []
    for place, weight in zip(places, saliency.tolist(), strict=True):
        texts = [state.text({place: word}) for word in options[place]]
        texts = texts[: affordable(victim, state, limits, len(texts))]
        near = torch.tensor(allowed(text, texts, limits)) if texts else torch.zeros(0)
        if not near.any():
            continue
        own = victim(texts)[:, state.label].masked_fill(~near, 2.0)
        at = int(own.argmin())
        if own[at] < asked[0]:
            best.append((weight * float(asked[0] - own[at]), place, options[place][at]))
    for _, place, word in sorted(best, reverse=True)[: budget(state, limits)]:
        if not affordable(victim, state, limits, 1) or not allowed(text, [state.text({place: word})], limits)[0]:
            continue
        state.swap(place, word)
        if int(victim([state.text()])[0].argmax()) != state.label:
            return
