"""The landscape against single forward passes."""

import math
import time

import pytest
import torch

from engine.analysis.landscape import ASCENT_STEPS
from engine.analysis.trace import follow
from engine.ascent import at_radius
from engine.catalogue import analyse
from engine.errors import UserError
from engine.process import multiplying_fast
from engine.subjects.classifier import load_classifier
from engine.subjects.sentences import Sentence

TEXT = "a very dull story with good music"


def landscape(classifier, text, **values):
    return analyse("landscape", classifier, text=text, **values)


def test_the_centre_is_the_clean_loss_and_paths_are_the_traces(classifier):
    found = landscape(classifier, TEXT, label="bad", epsilon=0.4, points=9, seed=4)
    encoded = classifier.tokenizer(TEXT, return_tensors="pt")
    logits = classifier.model(**encoded).logits[0]
    clean = -float(logits.log_softmax(-1)[0])
    assert found.axis[4] == 0.0
    assert found.loss[4][4] == pytest.approx(clean, abs=1e-5)
    assert found.margin[4][4] == pytest.approx(float(logits[0] - logits[1]), abs=1e-5)
    assert found.axis[0] == pytest.approx(-0.6)
    for name, path in found.paths.items():
        method = at_radius(name, 0.4, ASCENT_STEPS, tokenizer=classifier.tokenizer)
        expected = follow(classifier, method, Sentence(text=TEXT, label="bad", seed=4), ASCENT_STEPS)
        assert [point["loss"] for point in path] == pytest.approx(expected.loss, abs=1e-5)
        assert [point["norm"] for point in path] == pytest.approx(expected.norms, abs=1e-5)
        for point in path:
            inside = point["a"] ** 2 + point["b"] ** 2 + point["off"] ** 2
            assert inside == pytest.approx(point["norm"] ** 2, abs=1e-5)
    # PGD's end defines the horizontal axis: it lies on it, on the ball's surface.
    end = found.paths["pgd"][-1]
    assert (end["a"], end["b"], end["off"]) == pytest.approx((0.4, 0.0, 0.0), abs=1e-4)
    # With two classes the loss and the margin say the same: L = log(1 + exp(-margin)).
    for point in end, found.paths["freelb"][2]:
        assert point["loss"] == pytest.approx(math.log1p(math.exp(-point["margin"])), abs=1e-5)


def test_a_point_of_the_grid_is_one_forward_pass_there(classifier):
    """Towards a word: v leads from the token to the word's embedding, made orthogonal to u."""
    found = landscape(classifier, TEXT, label=0, epsilon=0.4, points=5, towards=(3, "wonderful"))
    encoded = classifier.tokenizer(TEXT, return_tensors="pt")
    weights = classifier.model.get_input_embeddings().weight.detach()
    words = weights[encoded["input_ids"]]
    method = at_radius("pgd", 0.4, ASCENT_STEPS)
    from engine.ascent import climb

    end = climb(method, classifier.model, {**encoded, "labels": torch.tensor([0])}, steps=ASCENT_STEPS)[-1].delta
    u = end / end.norm()
    second = torch.zeros_like(words)
    second[0, 3] = weights[classifier.tokenizer.convert_tokens_to_ids("wonderful")] - words[0, 3]
    v = second - (second * u).sum() * u
    v = v / v.norm()
    for row, b in enumerate(found.axis):
        for column, a in enumerate(found.axis):
            logits = classifier.model(
                inputs_embeds=words + a * u + b * v, attention_mask=encoded["attention_mask"]
            ).logits
            assert found.loss[row][column] == pytest.approx(-float(logits.log_softmax(-1)[0, 0]), abs=1e-4)


def test_regression_has_its_score_for_height(regressor):
    found = landscape(regressor, TEXT, label="1.5", points=3)
    assert found.loss[1][1] == pytest.approx((found.margin[1][1] - 1.5) ** 2, rel=1e-4)


@pytest.mark.parametrize(
    "values, words",
    [
        ({"points": 4}, "must be odd"),
        ({"epsilon": 0.0}, "a number above 0"),
        ({"towards": (1, "wonderfulness")}, "one token"),
        ({"towards": (99, "good")}, "token to replace"),
        ({"label": 5}, "out of range"),
    ],
)
def test_what_cannot_be_drawn(classifier, values, words):
    with pytest.raises(UserError, match=words):
        landscape(classifier, TEXT, **values)


@pytest.mark.slow
@pytest.mark.alone
def test_41_by_41_points_of_a_32_token_sentence_within_15_seconds():
    classifier = load_classifier("minilm")
    text = "the film is good and " * 6
    with multiplying_fast():  # As the analysis does.
        landscape(classifier, text, points=3)
        began = time.monotonic()
        found = landscape(classifier, text, points=41)
    assert len(found.tokens) == 32
    assert time.monotonic() - began < 15


def test_a_word_that_stands_there_already_gives_no_direction(classifier):
    with pytest.raises(UserError, match="Token 1 is 'good' already"):
        landscape(classifier, "good film", points=3, towards=(1, "good"))
