"""Interval bounds of the teaching model against every choice of words, and that training makes them tight."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalogue import analyse
from engine.errors import UserError
from engine.robustness import intervals
from engine.robustness.intervals import BagOfWords, attacked, indexed, train

PLACE = {f"w{at}": at for at in range(12)}
SETS = {"w0": ["w1", "w2"], "w1": ["w0"], "w3": ["w4"], "w5": ["w6", "w7", "w8"]}


def sets(word):
    return SETS.get(word, [])


def model_of(seed, classes=3):
    torch.manual_seed(seed)
    return BagOfWords(torch.randn(12, 5), classes).requires_grad_(False)


def every_margin(model, words, label):
    """The margin for every choice of words, one after the other, by the network written out."""
    found = []
    for chosen in itertools.product(*([word, *sets(word)] for word in words)):
        mean = torch.stack([model.vectors[PLACE[word]] for word in chosen]).mean(dim=0)
        logits = model.second.weight @ (model.first.weight @ mean + model.first.bias).relu() + model.second.bias
        found.append(float(logits[label] - max(float(each) for at, each in enumerate(logits) if at != label)))
    return found


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(sorted(PLACE)), min_size=1, max_size=5), st.integers(0, 999))
def test_the_bound_lies_below_every_choice_and_the_attack_finds_one_of_them(words, seed):
    model = model_of(seed)
    texts = indexed([words, ["w0", "w9", "w9", "w9", "w9", "w9"]], sets, PLACE)  # A longer one: padding.
    label = int(model(texts)[0].argmax())
    margins = every_margin(model, words, label)
    assert float(model.bound(texts, torch.tensor([label, 0]))[0]) <= min(margins) + 1e-5
    chosen, left = attacked(model, texts[slice(0, 1)], label)
    assert min(margins) - 1e-5 <= left <= margins[0] + 1e-5
    assert min(abs(left - each) for each in margins) < 1e-5
    ids = texts.words[0, range(len(chosen)), chosen][: len(words)].tolist()
    swapped = [f"w{at}" for at in ids]
    assert all(new in (old, *sets(old)) for old, new in zip(words, swapped, strict=True))


def test_without_choices_the_bound_is_the_margin_itself():
    model = model_of(0)
    texts = indexed([["w0", "w3", "w5"]], lambda word: [], PLACE)
    label = model(texts).argmax(dim=-1)
    logits = model(texts)[0]
    expected = logits[label[0]] - torch.cat([logits[: label[0]], logits[label[0] + 1 :]]).max()
    assert float(model.bound(texts, label)[0]) == pytest.approx(float(expected), abs=1e-5)


def test_training_on_bounds_certifies_what_plain_training_does_not(monkeypatch):
    """Two classes by one word; what it may become points nowhere by itself."""
    monkeypatch.setattr(intervals, "LEARNING_RATE", 0.02)  # So few texts make few steps.
    torch.manual_seed(0)
    texts = [[["w0", "w3"][at % 2], "w9", f"w{10 + at % 2}"] for at in range(200)]
    labels = torch.tensor([at % 2 for at in range(200)])
    found = {}
    for weight in (0.0, 0.5):
        given_texts = indexed(texts, sets, PLACE)
        model = train(given_texts, labels, BagOfWords(torch.randn(12, 5), 2), weight=weight, seed=0)
        found[weight] = float((model.bound(given_texts, labels) > 0).float().mean())
        assert float((model(given_texts).argmax(-1) == labels).float().mean()) == 1.0
    assert found[0.5] == 1.0


def test_the_analysis_keeps_certified_below_attacked_below_clean(data):
    how = {"dataset": data, "limit": 40, "candidates": 2, "similar": "en"}
    found = analyse("intervals", None, text="a very good film", **how)
    assert analyse("intervals", None, text="a very good film", **how) == found
    assert analyse("intervals", None, text="dull people " * 50, **how).curve == found.curve
    assert {at.trained for at in found.curve} == {"plain training", "interval training"}
    for at in found.curve:
        assert at.certified <= at.attacked <= at.clean
    none = [at for at in found.curve if at.candidates == 0]
    assert all(at.certified == at.attacked == at.clean for at in none)
    for trained in ("plain training", "interval training"):  # More similar words are those and others.
        for of in (
            [at for at in found.curve if at.trained == trained],
            [at for at in found.sentence if at.trained == trained],
        ):
            assert [at.attacked for at in of] == sorted((at.attacked for at in of), reverse=True)
    for at in found.sentence:
        assert at.bound <= at.attacked + 1e-5 <= at.margin + 2e-5
    assert found.shown == "a very good film" and "similar words" in found.text()
    unknown = analyse("intervals", None, text="a very qzxv film", **how)
    assert unknown.shown == "a very qzxv film" and "qzxv" in unknown.left_out


def test_whether_a_model_has_collapsed_is_seen_on_the_whole_split(data):
    """Not on the few examples that are tried, of which one more or less is chance."""
    marks = [analyse("intervals", None, dataset=data, limit=limit, similar="en").marks for limit in (1, 3, 40)]
    assert marks[0] == marks[1] == marks[2]


def test_what_it_cannot_be_made_of(data):
    with pytest.raises(UserError, match="no word with a vector"):
        analyse("intervals", None, dataset=data, similar="en", text="123 ...")
    with pytest.raises(UserError, match="at most 200 are bounded"):
        analyse("intervals", None, dataset=data, similar="en", text="good film " * 200)
    with pytest.raises(UserError, match="has no tset split"):
        analyse("intervals", None, dataset=data, split="tset")


def test_similar_words_that_are_written_otherwise():
    """Vocabularies of other languages hold capitals; a word's candidates come in its own case."""
    texts = indexed([["w0", "w3"]], lambda word: ["W1", "X61"] if word == "w0" else [], {**PLACE, "X61": 12})
    assert texts.words[0].tolist() == [[0, 1, 12], [3, 3, 3]]
    assert indexed([["w0"]], lambda word: ["x61"], {**PLACE, "X61": 12}).words.tolist() == [[[0]]]
