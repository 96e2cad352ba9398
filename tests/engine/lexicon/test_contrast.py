"""Ratings learned from word vectors: as good on words that were held out as is claimed, and what they set against each other."""

import numpy as np
import pytest

from engine.data.valence import contrary, ratings
from engine.lexicon.candidates import keeps_meaning, similar_candidates
from engine.lexicon.contrast import CLEAR, RIDGE, UNRATED, contrast_of
from engine.lexicon.similar import SimilarWords, similar_words


@pytest.fixture(scope="module")
def english():
    return similar_words("en")


def ridge(vectors, wanted, weights):
    """Weighted ridge regression with an intercept, by its normal equations: (w, intercept)."""
    share = weights / weights.sum()
    mean, level = share @ vectors, share @ wanted
    apart = vectors - mean
    gram = apart.T @ (apart * weights[:, None]) + RIDGE * np.eye(vectors.shape[1])
    slope = np.linalg.solve(gram, apart.T @ (weights * (wanted - level)))
    return slope, level - mean @ slope


def given(source):
    rated = np.array([ratings().get(word, np.nan) for word in source.words])
    known = ~np.isnan(rated)
    return source.vectors.astype(float), np.where(known, rated, 0.0), np.where(known, 1.0, UNRATED), known


def test_it_is_the_ridge_regression_written_out(english):
    vectors, wanted, weights, _ = given(english)
    slope, level = ridge(vectors, wanted, weights)
    said = dict(zip(english.words, vectors @ slope + level, strict=True))
    learned = contrast_of(english).learned
    assert len(learned) > 1000
    for word in list(learned)[::50]:
        assert learned[word] == pytest.approx(said[word], abs=1e-6) and abs(learned[word]) >= CLEAR


def test_words_that_were_held_out_have_the_sign_that_people_gave_them(english):
    """Five folds. The docstring claims 98.6 %."""
    vectors, wanted, weights, known = given(english)
    folds = np.random.default_rng(0).integers(0, 5, len(wanted))
    found = np.zeros(len(wanted))
    for fold in range(5):
        slope, level = ridge(vectors[folds != fold], wanted[folds != fold], weights[folds != fold])
        found[folds == fold] = vectors[folds == fold] @ slope + level
    clear = known & (np.abs(found) >= CLEAR)
    assert clear.sum() > 1500
    assert np.mean(np.sign(found[clear]) == np.sign(wanted[clear])) > 0.98


@pytest.mark.parametrize(
    ("first", "second"), [("watchable", "unwatchable"), ("precise", "inaccurate"), ("worthwhile", "pointless")]
)
def test_opposites_that_neither_wordnet_nor_people_tell(english, first, second):
    contrast = contrast_of(english)
    assert not contrary(first, second) and keeps_meaning(first, second)
    assert contrast.contrary(first, second) and contrast.contrary(second, first)
    assert not keeps_meaning(first, second, contrast)
    assert second not in similar_candidates(english, 50)(first)


@pytest.mark.parametrize(
    ("first", "second"), [("good", "great"), ("film", "movie"), ("table", "chair"), ("bad", "awful")]
)
def test_words_that_are_alike_stay(english, first, second):
    assert keeps_meaning(first, second, contrast_of(english))


def test_of_too_few_rated_words_nothing_is_learned():
    words = ["good", "bad", "film"]
    assert contrast_of(SimilarWords(words, np.eye(3), "three words")) is None
