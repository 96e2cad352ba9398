"""Lexical contrast of word vectors: opposites are neighbours there, but most of them lie on two sides of one direction.

That direction is learned from the words that people have rated (VADER): how positive or negative a word is, by its vector. So
words that nobody rated can be set against each other, too: `watchable`, `unwatchable`; `precise`, `inaccurate`. English alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engine.data.valence import opposed, ratings, valence
from engine.lexicon.similar import SimilarWords

LEAST_RATED = 500  # Words with a vector and a rating: with fewer nothing is learned (another language, a small file).
UNRATED = 0.1  # Weight of a word that nobody rated, which counts as neutral: most are, and the raters were not asked about them.
RIDGE = 3.0
CLEAR = 0.75  # From which learned rating on a word says something: of rated words held out, 98.6 % then have the right sign.


@dataclass(frozen=True)
class Contrast:
    """`learned`: word → rating by its vector, from -4 to 4, of those that are clear."""

    learned: Mapping[str, float]

    def rating(self, word: str) -> float:
        """People's rating of a word, or the learned one; 0 for a word with neither."""
        return valence(word) or self.learned.get(word.lower(), 0.0)

    def contrary(self, first: str, second: str) -> bool:
        """Whether one word is clearly positive and the other clearly negative."""
        return opposed(self.rating(first), self.rating(second))


@lru_cache(maxsize=4)
def contrast_of(source: SimilarWords) -> Contrast | None:
    """What a source's vectors say; None where too few of its words were rated.

    Ridge regression of people's ratings on the vectors; words without a rating count as neutral, with a small weight.
    """
    from sklearn.linear_model import Ridge

    rated = np.array([ratings().get(word, np.nan) for word in source.words])
    known = ~np.isnan(rated)
    if known.sum() < LEAST_RATED:
        return None
    weights = np.where(known, 1.0, UNRATED)
    vectors = source.vectors.astype(np.float64)
    found = Ridge(alpha=RIDGE).fit(vectors, np.where(known, rated, 0.0), sample_weight=weights).predict(vectors)
    return Contrast({source.words[at]: float(found[at]) for at in np.flatnonzero(np.abs(found) >= CLEAR)})
