"""Views of adversarial examples in words: replaced tokens and masking strategies."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from app import figures
from app.shown import Figure, Strip, Strips, Table
from app.views.base import view
from engine.objectives.masking import NGRAM_SHARES, STRATEGIES

KINDS = {"mask": 1.0, "similar": 0.75, "random": 0.5, "kept": 0.25}


@view("detect", "filled", "What the generator saw and put there", "electra")
def filled(found: Any) -> Strips:
    """Original → replacement where a token was masked; its best five guesses on hover."""
    shown = [
        f"{old} → {new}" if fill else old
        for old, new, fill in zip(found.tokens, found.corrupted, found.masked, strict=True)
    ]
    titles = [
        "; ".join(f"{each['token']} {each['probability']:.1%}" for each in options) or "not masked"
        for options in found.options
    ]
    return Strips([Strip(shown, [float(fill) for fill in found.masked], titles, found.special)], 1.0, "")


def replaced(found: Any) -> list[bool]:
    """Which tokens really differ from the original (a sample that hits it counts as original)."""
    return [old != new for old, new in zip(found.tokens, found.corrupted, strict=True)]


@view("detect", "verdicts", "What the discriminator says of every token", "electra")
def verdicts(found: Any) -> Strips:
    """P(replaced) of every token."""
    tips = [
        f"{new}: P(replaced) = {verdict:.1%}; in truth {'replaced' if was else 'original'}"
        for new, verdict, was in zip(found.corrupted, found.verdicts, replaced(found), strict=True)
    ]
    return Strips([Strip(found.corrupted, found.verdicts, tips, found.special)], 1.0, "P(replaced)", "")


@view("detect", "options", "The generator's best guesses", "electra")
def options(found: Any, *, place: int) -> Figure:
    """Its five most likely tokens for one masked place."""
    guesses = {each["token"]: each["probability"] for each in found.options[place]}
    return Figure(figures.bars({"generator": guesses}, f"in place of {found.tokens[place]}", "probability"))


@view("judge", "verdicts", "What the discriminator says of a changed sentence", "electra")
def judged(found: tuple[tuple[list[str], list[float]], tuple[list[str], list[float]]]) -> Strips:
    """P(replaced) of every token of the user's version."""
    tokens, said = found[1]
    tips = [f"{token}: P(replaced) = {verdict:.1%}" for token, verdict in zip(tokens, said, strict=True)]
    return Strips([Strip(tokens, said, tips)], 1.0, "P(replaced)", "")


@view("masking", "strategies", "The masking strategies side by side", "macbert")
def strategies(found: Mapping[str, Any]) -> Strips:
    """One strip per strategy; darker: [MASK], similar word, random word, kept. The words of an n-gram share a number."""
    words = found["mac"].words
    key = "The words. Below, from dark to light: [MASK], similar word, random word, kept; italic: never selected"
    strips = [Strip(words, [0.0] * len(words), words, heading=key)]
    for strategy, each in found.items():
        kinds, tips = {}, {}
        for number, choice in _numbered(each.choices):
            why = choice.kind + (", no similar word was found" if choice.degraded else "")
            why += "" if choice.similarity is None else f", similarity {choice.similarity:.2f}"
            for place in choice.positions:
                kinds[place] = KINDS[choice.kind]
                tips[place] = f"{choice.before} → {choice.after}: {why}; n-gram {number}, of {choice.ngram} words"
        places = range(len(each.masked))
        strips.append(
            Strip(
                each.masked,
                [kinds.get(place, 0.0) for place in places],
                [tips.get(place, "not selected") for place in places],
                [at < 0 for at in each.word_ids],
                STRATEGIES[strategy],
            )
        )
    return Strips(strips, 1.0, "")


def _numbered(choices: Sequence[Any]) -> list[tuple[int, Any]]:
    """Each choice with the number of its n-gram, from 1."""
    number, found = 0, []
    for choice in choices:
        number += bool(choice.first)
        found.append((number, choice))
    return found


@view("masking", "words", "What became of every selected word, n-gram by n-gram", "macbert")
def word_by_word(found: Mapping[str, Any]) -> Table:
    """What became of each selected word, and why."""
    rows = [
        {
            "strategy": strategy,
            "n-gram": f"{number} ({choice.ngram} word{'s' if choice.ngram > 1 else ''})",
            "word": choice.before,
            "becomes": choice.after,
            "how": choice.kind + (" (no similar word)" if choice.degraded else ""),
            "similarity": "" if choice.similarity is None else f"{choice.similarity:.3f}",
        }
        for strategy, each in found.items()
        for number, choice in _numbered(each.choices)
    ]
    return Table(pd.DataFrame(rows))


@view("masking statistics", "kinds", "What became of the selected words", "macbert")
def kinds(found: Mapping[str, Any], *, replace_share: float = 0.8, random_share: float = 0.1) -> Figure:
    """Shares beside those asked for."""
    asked = {"replaced": replace_share, "random": random_share, "kept": 1 - replace_share - random_share}
    groups = {"here": found["kinds"], "asked for": asked}
    return Figure(figures.bars(groups, "what became of a selected word", "share"))


@view("masking statistics", "ngrams", "Words per n-gram", "macbert")
def ngrams(found: Mapping[str, Any], *, paper: Sequence[float] = NGRAM_SHARES) -> Figure:
    """Shares of n-gram lengths beside the paper's."""
    lengths = {"here": found["ngrams"], "paper": dict(enumerate(paper, 1))}
    named = {group: {str(n): share for n, share in values.items()} for group, values in lengths.items()}
    return Figure(figures.bars(named, "words in the n-gram", "share of n-grams"))
