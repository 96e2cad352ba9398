"""Leaving words out, against single forward passes."""

import pytest

from engine.catalogue import analyse
from engine.errors import UserError


def test_a_words_worth_is_one_forward_pass_without_it(classifier):
    words = ["a", "very", "dull", "story"]
    found = analyse("erasure", classifier, text="a very dull story", label="bad")

    def probability(text):
        return float(classifier.model(**classifier.tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0, 0])

    assert (found.words, found.label) == (words, "bad")
    assert found.probability == pytest.approx(probability("a very dull story"), abs=1e-5)
    for place, loss in enumerate(found.losses):
        rest = " ".join(word for at, word in enumerate(words) if at != place)
        assert loss == pytest.approx(found.probability - probability(rest), abs=1e-5)
    with pytest.raises(UserError, match="no words"):
        analyse("erasure", classifier, text="…")
