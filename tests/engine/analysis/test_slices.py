"""Slices and the confusion matrix, and variants of a sentence, against single passes."""

import math

import pytest
import torch

from engine.analysis.flip import flip_radius
from engine.catalogue import analyse
from engine.errors import UserError
from engine.statistics import binomial_interval
from engine.subjects.sentences import Ascent


@pytest.fixture
def said(classifier, table):
    """What the model says of every sentence by itself: (label, said, loss, confidence, words)."""
    found = []
    for row in table.itertuples():
        with torch.no_grad():
            logits = classifier.model(**classifier.tokenizer(row.text, return_tensors="pt")).logits[0]
        sure = logits.softmax(-1)
        found.append(
            (row.label, int(logits.argmax()), -math.log(float(sure[row.label])), float(sure.max()), row.text.split())
        )
    return found


def of(found, kind, name=""):
    return next(each for each in found.slices if (each.kind, each.name) == (kind, name))


def test_every_slice_is_what_single_passes_say(classifier, data, said):
    # The file is split: its validation part is a subset of the table.
    found = analyse("slices", classifier, None, dataset=data, split="train", limit=None, contains="good, dull")
    texts = {tuple(each[4]) for each in said}
    assert found.labels == ["bad", "good"] and len(texts) == len(said)
    from engine.data.sources import load_dataset

    inside = {tuple(text.split()) for text in load_dataset(data).splits["train"]["text"]}
    rows = [each for each in said if tuple(each[4]) in inside]
    assert 10 < len(rows) < len(said)
    assert found.confusion == [[sum(row[:2] == (true, told) for row in rows) for told in (0, 1)] for true in (0, 1)]

    def check(one, chosen):
        hits = sum(row[0] == row[1] for row in chosen)
        assert one.count == len(chosen) and one.accuracy == hits / len(chosen)
        assert (one.low, one.high) == binomial_interval(hits, len(chosen)) and one.low <= one.accuracy <= one.high
        assert one.loss == pytest.approx(sum(row[2] for row in chosen) / len(chosen), abs=1e-4)
        assert one.confidence == pytest.approx(sum(row[3] for row in chosen) / len(chosen), abs=1e-4)

    check(of(found, "all"), rows)
    for place, name in enumerate(found.labels):
        check(of(found, "label", name), [row for row in rows if row[0] == place])
        if told := [row for row in rows if row[1] == place]:
            check(of(found, "said", name), told)
    check(of(found, "word", "with dull, good"), [row for row in rows if {"good", "dull"} & set(row[4])])
    check(of(found, "word", "without dull, good"), [row for row in rows if not {"good", "dull"} & set(row[4])])
    lengths = [each for each in found.slices if each.kind == "length"]
    assert sum(each.count for each in lengths) == len(rows)
    assert found.missing == [] and found.said_of_missing() == ""


def test_words_that_stand_nowhere_are_said_and_make_no_slice(classifier, data):
    how = {"dataset": data, "split": "train", "limit": None}
    found = analyse("slices", classifier, None, contains="good, xyzzy, words < 10", **how)
    assert found.missing == ["words < 10", "xyzzy"] and "“xyzzy”" in found.text()
    assert [each.name for each in found.slices if each.kind == "word"] == ["with good", "without good"]
    found = analyse("slices", classifier, None, contains="xyzzy", **how)
    assert not any(each.kind == "word" for each in found.slices)


def test_variants_are_each_looked_at_alone(classifier):
    texts = ["a dull but good film", "a dull film", "a film"]
    found = analyse(
        "variants", classifier, None, text=texts[0], others=[*texts[1:], texts[1]], settings={"epsilon": 1.0}
    )
    assert [each.text for each in found.variants] == texts  # Once each.
    for each in found.variants:
        alone = analyse("trace", classifier, None, text=each.text, settings={"epsilon": 1.0})
        assert each.trace == alone
        batch = Ascent(text=each.text).encoded(classifier).batch
        assert each.flip_epsilon == flip_radius(classifier, "pgd", batch, steps=5)
        top = max(range(2), key=alone.probabilities[0].__getitem__)
        assert (each.said, each.sure) == (classifier.labels[top], alone.probabilities[0][top])
    assert found.text().count("film") == 3 and len(found.document()["variants"]) == 3


def test_scores_have_no_flip(regressor):
    found = analyse("variants", regressor, None, text="a film", label=1.0)
    assert found.variants[0].flip_epsilon is None


@pytest.mark.parametrize("others", [[""], ["a"] * 12])
def test_what_is_no_variant_is_refused(classifier, others):
    with pytest.raises(UserError):
        analyse("variants", classifier, None, text="a film", others=others)
