"""The masking strategies side by side."""

from collections.abc import Sequence

import pandas as pd

from app.drawing.shown import Strip, Strips, Table
from app.views import VIEWS, Views
from engine.analysis.masking import Masking
from engine.objectives.masked import Choice
from engine.objectives.masking import STRATEGIES

view = VIEWS.add(Views("masking", "macbert", prefix="mask-", names={"seed": "draw", "model": "tokenizer"}))

KINDS = {"mask": (1.0, "masked"), "similar": (0.75, "similar"), "random": (0.5, "random"), "kept": (0.25, "kept")}


@view("strategies", "The masking strategies side by side")
def strategies(found: Masking) -> Strips:
    """One strip per strategy; below every selected word what became of it. The words of an n-gram share a number."""
    words = found.strategies["mac"].words
    key = "The words. Below, what became of those that were selected stands under them; italic: never selected"
    strips = [Strip(words, [0.0] * len(words), words, heading=key)]
    for strategy, each in found.strategies.items():
        kinds, tips = {}, {}
        for number, choice in _numbered(each.choices):
            why = choice.how
            why += "" if choice.similarity is None else f", similarity {choice.similarity:.2f}"
            for place in choice.positions:
                kinds[place] = KINDS[choice.kind]
                tips[place] = f"{choice.before} → {choice.after}: {why}; n-gram {number}, of {choice.ngram} words"
        places = range(len(each.masked))
        became = [kinds.get(place, (0.0, "")) for place in places]
        strips.append(
            Strip(
                each.masked,
                [value for value, _ in became],
                [tips.get(place, "not selected") for place in places],
                [at < 0 for at in each.word_ids],
                STRATEGIES[strategy],
                [word for _, word in became],
            )
        )
    return Strips(strips, 1.0, "")


def _numbered(choices: Sequence[Choice]) -> list[tuple[int, Choice]]:
    """Each choice with the number of its n-gram, from 1."""
    number, found = 0, []
    for choice in choices:
        number += bool(choice.first)
        found.append((number, choice))
    return found


@view("words", "What became of every selected word, n-gram by n-gram")
def word_by_word(found: Masking) -> Table:
    """What became of each selected word, and why."""
    rows = [
        {
            "strategy": strategy,
            "n-gram": f"{number} ({choice.ngram} word{'s' if choice.ngram > 1 else ''})",
            "word": choice.before,
            "becomes": choice.after,
            "how": choice.how,
            "similarity": "" if choice.similarity is None else f"{choice.similarity:.3f}",
        }
        for strategy, each in found.strategies.items()
        for number, choice in _numbered(each.choices)
    ]
    return Table(pd.DataFrame(rows))
