"""Accuracy against ε: a linear model solved by hand, monotone, from the clean accuracy on."""

import pytest
import torch

from engine.analysis.robust_accuracy import RobustSettings, curve_of, radii
from engine.catalogue import analyse
from engine.errors import UserError
from engine.robustness.attacks import ATTACKS, worst
from engine.subjects.samples import batches


def test_the_curve_starts_at_clean_accuracy_and_never_rises(classifier, table):
    found = curve_of(classifier, table, RobustSettings(epsilons=(0.0, 0.1, 0.5, 2.0, 20.0), steps=5, restarts=2))
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
            self.like, self.labels = embeddings, label

        def forward(self, delta, ascent=True):
            moved = (self.like + delta).requires_grad_()
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
    for name in ("pgd", "margin", "apgd", "apgd margin"):
        assert not worst([ATTACKS.get(name)], classifier, batch, 0.98 * edge, 10)[0].any(), name
        assert worst([ATTACKS.get(name)], classifier, batch, 1.02 * edge, 10)[0].all(), name


def test_radii_are_read_from_text():
    assert radii("0.4, 0,0.1,0.1,") == [0.0, 0.1, 0.4]
    for text in ("", "a", "-1", "inf", "nan", ",".join(map(str, range(41)))):
        with pytest.raises(UserError, match="1 to 40 numbers"):
            radii(text)


@pytest.mark.parametrize(
    "bad, words",
    [
        ({"steps": 0}, "steps"),
        ({"restarts": 0}, "restarts"),
        ({"schedule": "cosine"}, "'linear' or 'constant'"),
        ({"epsilons": [-1.0]}, "from 0 on"),
        ({"epsilons": []}, "1 to 40 numbers"),
    ],
)
def test_bad_settings_are_refused(classifier, sentences, bad, words):
    with pytest.raises(UserError, match=words):
        analyse("robust accuracy", classifier, dataset=str(sentences), **bad)


def test_a_regression_model_is_refused_by_what_needs_classes(regressor, sentences):
    for name, values in (
        ("robust accuracy", {"dataset": str(sentences)}),
        ("calibration", {"dataset": str(sentences)}),
        ("word attack", {"dataset": str(sentences)}),
        ("flip", {"text": "a good film"}),
    ):
        with pytest.raises(UserError, match="classes are needed"):
            analyse(name, regressor, **values)
