"""People's ratings of words, as their file has them, and which pairs are contrary by them."""

import pytest

from engine.data.builtin import WORDS_FILE, rated_folder
from engine.data.valence import CLEAR, contrary, ratings, valence
from engine.lexicon.candidates import keeps_meaning


def test_ratings_are_the_files_means():
    """Line by line: the second column is the mean of the ten ratings in the fourth."""
    lines = [
        line.split("\t") for line in (rated_folder() / WORDS_FILE).read_text(encoding="utf-8").splitlines() if line
    ]
    assert len(lines) > 7000 and len(ratings()) > 7000
    for word, mean, _, ten in lines[1000:6000:50]:
        values = [float(each) for each in ten.strip("[]").split(",")]
        assert float(mean) == pytest.approx(sum(values) / len(values), abs=0.06)
        assert -4 <= ratings()[word.lower()] <= 4


@pytest.mark.parametrize(
    ("first", "second", "opposed"),
    [
        ("honest", "harsh", True), ("worthwhile", "useless", True), ("honest", "cheating", True), ("Wonderful", "terrible", True),
        ("good", "great", False), ("films", "movies", False), ("bad", "awful", False), ("good", "table", False),
    ],
)  # fmt: skip
def test_what_is_contrary(first, second, opposed):
    assert contrary(first, second) == contrary(second, first) == opposed
    if opposed:
        assert abs(valence(first)) >= CLEAR and abs(valence(second)) >= CLEAR
        assert not keeps_meaning(first, second)


def test_a_form_has_the_rating_of_its_word():
    assert "loveliest" not in ratings() or valence("loveliest") > 0
    assert valence("beauties") == ratings().get("beauties", ratings()["beauty"])
    assert valence("qwertyish") == 0.0
