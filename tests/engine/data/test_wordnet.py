"""WordNet's extract: base forms, parts of speech, opposites."""

import pytest

from engine.data.wordnet import FILE, wordnet


@pytest.mark.parametrize(
    "word, lemmas",
    [
        ("films", {"n": ["film"], "v": ["film"]}),
        ("ran", {"v": ["run"]}),
        ("mice", {"n": ["mouse"]}),
        ("cheapest", {"a": ["cheap"]}),
        ("Movies", {"n": ["movie"]}),
        ("time-consuming", {"a": ["time-consuming"]}),
        ("qqqq", {}),
    ],
)
def test_base_forms(word, lemmas):
    assert wordnet().lemmas(word) == lemmas


@pytest.mark.parametrize(
    "first, second, opposed",
    [
        ("good", "bad", True),
        ("better", "worse", True),  # By their base forms.
        ("lovely", "ugly", True),  # Lovely is like beautiful, whose opposite is ugly.
        ("dull", "bright", True),
        ("hated", "loves", True),
        ("film", "movie", False),
        ("good", "great", False),
        ("good", "good", False),
    ],
)
def test_opposites_both_ways(first, second, opposed):
    assert wordnet().opposed(first, second) == wordnet().opposed(second, first) == opposed


def test_what_may_stand_for_what():
    known = wordnet()
    assert not known.same_part("beauty", "ugly") and known.same_part("beautiful", "ugly")
    assert known.same_part("beauty", "qqqq") and known.same_part("the", "ugly")  # Unknown to it: nothing is said.
    assert known.exchangeable("film", "movie")
    assert not known.exchangeable("beautiful", "ugly") and not known.exchangeable("beauty", "ugly")


def test_its_licence_comes_along():
    said = FILE.with_name("wordnet-license.txt").read_text()
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in said and "modified extract" in said
