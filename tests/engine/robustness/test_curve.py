"""Accuracy against ε: a linear model solved by hand, monotone, from the clean accuracy on; calibration by hand."""

import numpy as np
import pytest
import torch

from engine.analysis.examples import batches
from engine.errors import UserError
from engine.robustness.calibration import calibration, calibration_of
from engine.robustness.curve import attack, radii, robust_accuracy


def test_the_curve_starts_at_clean_accuracy_and_never_rises(classifier, table):
    found = robust_accuracy(classifier, table, (0.0, 0.1, 0.5, 2.0, 20.0), steps=5, restarts=2)
    right = 0
    for _, batch in batches(classifier, table):
        labels = batch.pop("labels")
        with torch.no_grad():
            right += int((classifier.model(**batch).logits.argmax(-1) == labels).sum())
    assert found[0].accuracy == pytest.approx(right / len(table))
    accuracies = [each.accuracy for each in found]
    assert accuracies == sorted(accuracies, reverse=True) and accuracies[-1] < accuracies[0]
    for each in found:
        assert each.longer <= each.accuracy and each.low <= each.accuracy <= each.high


def test_a_linear_model_falls_exactly_at_its_distance_from_the_boundary(classifier, monkeypatch):
    """Margin z_1 - z_0 = w · Σ x_i + b over L tokens: the nearest wrong point is |margin| / (‖w‖ √L) away (Frobenius)."""
    generator = torch.Generator().manual_seed(0)
    embeddings, weight = torch.randn(1, 4, 6, generator=generator), torch.randn(6, generator=generator)

    class Embedded:
        mask, embeddings_ = torch.ones(1, 4), embeddings

        def __init__(self):
            self.embeddings = embeddings

        def forward(self, delta):
            moved = (self.embeddings + delta).requires_grad_()
            score = (moved.sum(1) @ weight)[:, None] + 3.0
            return type("At", (), {"logits": torch.cat([-score / 2, score / 2], 1), "inputs": moved})()

        def losses(self, logits):
            return torch.nn.functional.cross_entropy(logits, label, reduction="none")

        def input_gradient(self, loss, at):
            return torch.autograd.grad(loss, at.inputs)[0]

    margin = float((embeddings.sum(1) @ weight + 3.0)[0])
    label = torch.tensor([int(margin > 0)])
    monkeypatch.setattr("engine.methods.pgd.PGD.embed", lambda *_: Embedded())
    edge = abs(margin) / (float(weight.norm()) * 2)
    batch = {"labels": label}
    assert not attack(classifier, batch, 0.98 * edge, 10).any()
    assert attack(classifier, batch, 1.02 * edge, 10).all()


def test_radii_are_read_from_text():
    assert radii("0.4, 0,0.1,0.1,") == [0.0, 0.1, 0.4]
    for text in ("", "a", "-1", "inf", "nan", ",".join(map(str, range(41)))):
        with pytest.raises(UserError, match="1 to 40 numbers"):
            radii(text)


def test_bad_settings_are_refused(classifier, regressor, table):
    for bad in ({"steps": 0}, {"restarts": 0}, {"schedule": "cosine"}):
        with pytest.raises(UserError, match="Allowed are"):
            robust_accuracy(classifier, table, **bad)
    with pytest.raises(UserError, match="none below 0"):
        robust_accuracy(classifier, table, (-1.0,))
    with pytest.raises(UserError, match="needs classes"):
        robust_accuracy(regressor, table)


def test_calibration_error_by_hand():
    found = calibration_of(np.array([0.95, 0.95, 0.65, 0.65]), np.array([True, False, True, True]), bins=10)
    assert found["ece"] == pytest.approx(0.5 * abs(0.5 - 0.95) + 0.5 * abs(1.0 - 0.65))
    assert [row["count"] for row in found["bins"]] == [2, 2]
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.5, 1, 200_000)
    assert calibration_of(sure, generator.random(200_000) < sure)["ece"] < 0.01
    edges = calibration_of(np.array([0.0, 0.5, 1.0]), np.array([True, True, True]), bins=2)
    assert [row["count"] for row in edges["bins"]] == [2, 1]  # (0, 0.5] holds 0.5; 0 counts with the first.


def test_calibration_of_a_classifier_counts_every_example(classifier, table):
    found = calibration(classifier, table)
    assert sum(row["count"] for row in found["bins"]) == len(table)
    assert found["accuracy"] == pytest.approx(robust_accuracy(classifier, table, (0.0,), steps=1)[0].accuracy)
