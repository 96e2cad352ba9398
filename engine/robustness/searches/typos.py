"""Typos: letters of the most important words are swapped, dropped or doubled, greedily."""

from engine.robustness.searches import SEARCHES, Search
from engine.robustness.searches.greedy import greedy


def typos(word: str) -> list[str]:
    """Two neighbouring letters swapped, one dropped or one doubled, first and last letter kept; words of 4 or more."""
    if len(word) < 4:
        return []
    found = [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(1, len(word) - 2)]
    found += [word[:at] + word[at + 1 :] for at in range(1, len(word) - 1)]
    found += [word[:at] + word[at] + word[at:] for at in range(1, len(word) - 1)]
    return [each for each in dict.fromkeys(found) if each != word]


SEARCHES.add(Search("typos", 2021, greedy, typos))
