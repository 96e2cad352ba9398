"""Splits and metrics."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from engine.data.metrics import METRICS, metrics_of
from engine.data.tasks import SPLITS, Task, split_by_text, split_of


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=40))
def test_no_text_is_in_two_splits_and_none_is_lost(texts):
    parts = split_by_text(pd.DataFrame({"text": texts, "label": range(len(texts))}))
    assert sorted(label for part in parts.values() for label in part["label"]) == list(range(len(texts)))
    keys = [{" ".join(text.casefold().split()) for text in parts[split]["text"]} for split in SPLITS]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]


def test_splits_are_the_stated_hash_and_shares():
    import hashlib

    assert split_of("A  Film") == split_of("a film")
    counts = dict.fromkeys(SPLITS, 0)
    for place in range(5000):
        digit = int(hashlib.sha256(f"text {place}".encode()).hexdigest()[:8], 16) % 10
        expected = "train" if digit < 8 else "validation" if digit == 8 else "test"
        assert split_of(f"Text {place}") == expected
        counts[expected] += 1
    assert counts["train"] / 5000 == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("classes", [2, 4])
def test_metrics_equal_scikit_learns_and_scipys(classes):
    chance = np.random.default_rng(0)
    for _ in range(20):
        labels, predictions = chance.integers(0, classes, (2, 50))
        assert METRICS["accuracy"](labels, predictions) == pytest.approx(sk.accuracy_score(labels, predictions))
        average = "binary" if classes == 2 else "macro"
        assert METRICS["f1"](labels, predictions) == pytest.approx(sk.f1_score(labels, predictions, average=average))
        assert METRICS["matthews"](labels, predictions) == pytest.approx(sk.matthews_corrcoef(labels, predictions))
        first, second = chance.normal(size=(2, 50))
        assert METRICS["pearson"](first, second) == pytest.approx(np.corrcoef(first, second)[0, 1])
        ranks = [stats.rankdata(each) for each in (first, second)]
        assert METRICS["spearman"](first, second) == pytest.approx(np.corrcoef(*ranks)[0, 1])


def test_a_constant_has_no_correlation():
    assert METRICS["pearson"](np.arange(4.0), np.ones(4)) == 0.0
    assert METRICS["spearman"](np.ones(4), np.arange(4.0)) == 0.0


def test_metrics_of_a_task_read_logits_or_scores():
    logits = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    found = metrics_of(Task("t", "classification", ("a", "b"), ("accuracy", "f1")))
    assert found(SimpleNamespace(predictions=logits, label_ids=np.array([0, 1, 1]))) == {
        "accuracy": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
        "one_class": pytest.approx(2 / 3),
    }
    found = metrics_of(Task("t", "regression", metrics=("pearson",)))
    assert found(SimpleNamespace(predictions=np.array([[1.0], [2.0], [3.0]]), label_ids=np.array([2.0, 4.0, 6.0]))) == {
        "pearson": pytest.approx(1.0)
    }
