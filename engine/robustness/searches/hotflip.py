"""HotFlip: the first-order estimate (e(candidate) - e(word)) · ∇L chooses the swap (Ebrahimi et al. 2018)."""

import torch

from engine.anatomy import vocabulary
from engine.robustness.searches import affordable, allowed, budget, search
from engine.robustness.text import Limits, State
from engine.robustness.victim import Victim

TRIED = 16  # Swaps that are verified at each step.


@search("hotflip", 2018)
def hotflip(victim: Victim, state: State, options: dict[int, list[str]], text: str, limits: Limits, seed: int) -> None:
    """The swap with the largest first-order gain in loss, verified; until the label falls or the budget is used up."""
    current = float(victim([state.text()])[0, state.label])
    while len(state.changes) < budget(state, limits) and affordable(victim, state, limits, 2) == 2:
        ranked = [each for each in first_order(victim, state, options) if each[1] not in state.changes]
        ranked = ranked[: affordable(victim, state, limits, TRIED)]
        if not ranked:
            return
        texts = [state.text({place: word}) for _, place, word in ranked]
        near = torch.tensor(allowed(text, texts, limits))
        found = victim(texts)
        own = found[:, state.label].masked_fill(~near, 2.0)
        best = int(own.argmin())
        if float(own[best]) >= current:
            return
        state.swap(ranked[best][1], ranked[best][2])
        current = float(own[best])
        if int(found[best].argmax()) != state.label:
            return


def first_order(victim: Victim, state: State, options: dict[int, list[str]]) -> list[tuple[float, int, str]]:
    """(estimated gain in loss, place, word), the largest first: Σ over a word's tokens of (e(new) - e(old)) · ∇L.

    Only where old and new word have as many tokens: otherwise the estimate has no meaning.
    """
    text = state.text()
    gradient, offsets = victim.gradient(text, state.label)
    vectors = vocabulary(victim.classifier.model)
    tokenizer = victim.classifier.tokenizer
    ids = tokenizer(text, victim.pair, truncation=True, max_length=victim.classifier.max_length)["input_ids"]
    found = []
    for place, (start, end) in enumerate(state.spans()):
        tokens = [at for at, (a, b) in enumerate(offsets) if a < b and start <= a and b <= end]
        # Byte-level vocabularies have another token for a word after a space.
        spaced = bool(tokens) and tokenizer.convert_ids_to_tokens(ids[tokens[0]]).startswith("Ġ")
        for word in options.get(place, ()):
            new = tokenizer(" " * spaced + word, add_special_tokens=False)["input_ids"]
            if len(new) != len(tokens) or not tokens:
                continue
            move = vectors[new] - vectors[[ids[at] for at in tokens]]
            found.append((float((move * gradient[tokens]).sum()), place, word))
    return sorted(found, key=lambda each: -each[0])
