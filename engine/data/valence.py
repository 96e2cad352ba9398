"""How positive or negative English words are to people: the rated words of VADER (Hutto and Gilbert 2014; MIT licence).

They come with the built-in sentences, by the same ten raters and on the same scale.
"""

from functools import cache

from engine.data.builtin import WORDS_FILE, rated_folder
from engine.data.wordnet import wordnet

CLEAR = 0.5  # From which mean rating on a word says something, of 4.


@cache
def ratings() -> dict[str, float]:
    """Word → mean rating, from -4 to 4: 7,500 words, in lower case."""
    lines = (rated_folder() / WORDS_FILE).read_text(encoding="utf-8").splitlines()
    return {word.lower(): float(rating) for word, rating, *_ in (line.split("\t") for line in lines if line.strip())}


def valence(word: str) -> float:
    """A word's mean rating, or that of a base form of it; 0 for a word that has none."""
    known = ratings()
    forms = [word.lower(), *(lemma for lemmas in wordnet().lemmas(word).values() for lemma in lemmas)]
    return next((known[form] for form in forms if form in known), 0.0)


def contrary(first: str, second: str) -> bool:
    """Whether one word is clearly positive and the other clearly negative: `honest`, `harsh`; no thesaurus calls these opposites."""
    return opposed(valence(first), valence(second))


def opposed(one: float, other: float) -> bool:
    """Whether of two ratings one is clearly positive and the other clearly negative."""
    return min(one, other) <= -CLEAR and max(one, other) >= CLEAR
