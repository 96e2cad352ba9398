"""The audit: a plain model passes, models made to fool attacks are caught, each by the check that is meant for it."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from engine.catalogue import analyse
from engine.errors import UserError
from engine.subjects.classifier import load_classifier, precise


def tricked(classifier, change):
    """A copy of the classifier whose model was changed."""
    model = copy.deepcopy(classifier.model)
    change(model)
    return replace(classifier, model=model)


def audit(classifier, data, **values):
    found = analyse(
        "audit", classifier, dataset=data, split="train", limit=20, **{"epsilon": 0.3, "steps": 30, **values}
    )
    return found, {check.name: check for check in found.checks}


class Saturating(nn.Module):
    """Outputs of ±1, flat to the last digit nearly everywhere."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, *inputs):
        return torch.tanh(1e4 * self.head(*inputs))


def test_a_plain_model_passes(classifier, data):
    found, checks = audit(classifier, data)
    assert found.believed, [check for check in found.checks if check.passed is False]
    assert 0 < found.attacked == found.strongest < found.clean
    assert "upper bound" in found.verdict and "a single one is" in found.verdict
    assert all(check.seen and check.means for check in checks.values())


def test_a_large_scale_of_the_logits_is_caught(classifier, data):
    def scale(model):
        with torch.no_grad():
            model.classifier.weight.mul_(1e6)
            model.classifier.bias.mul_(1e6)

    found, checks = audit(tricked(classifier, scale), data, attack="pgd")
    assert not found.believed
    assert checks["there are gradients"].passed is False
    assert checks["no other attack finds more"].passed is False
    assert found.strongest < found.attacked
    # The margin has a slope where the cross-entropy has none: that attack can be believed.
    assert audit(tricked(classifier, scale), data, attack="apgd margin")[1]["there are gradients"].passed


def test_a_saturating_head_is_caught_by_what_needs_no_gradient(classifier, data):
    def saturate(model):
        model.classifier = Saturating(model.classifier)

    found, checks = audit(tricked(classifier, saturate), data, attack="pgd", epsilon=1.0)
    assert not found.believed
    assert checks["there are gradients"].passed is False
    assert checks["no search without gradients finds more"].passed is False
    assert "Do not believe" in found.verdict


def test_dropout_at_test_time_is_caught(classifier, data):
    def left_on(model):
        model.config.hidden_dropout_prob = 0.3
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.3
        model.train()

    found, checks = audit(tricked(classifier, left_on), data)
    assert not found.believed
    assert checks["the model answers the same twice"].passed is False
    assert "dropout" in checks["the model answers the same twice"].means


def test_too_few_steps_are_caught(classifier, data):
    _, checks = audit(classifier, data, attack="pgd", steps=2, epsilon=0.25)
    assert checks["there are gradients"].passed
    _, far = audit(classifier, data, attack="pgd", epsilon=1e-6)
    assert far["it finds more than noise"].passed is None  # Nothing falls: nothing can be said.


def test_transfer_from_a_model_that_is_nearly_the_same_finds_nothing_new(classifier, data, tmp_path):
    for name, moved in (("same", 0.0), ("near", 1e-6)):
        model = copy.deepcopy(classifier.model)
        with torch.no_grad():
            model.classifier.bias += moved
        model.save_pretrained(tmp_path / name)
        classifier.tokenizer.save_pretrained(tmp_path / name)
    _, checks = audit(classifier, data, attack="apgd", transfer_from=str(tmp_path / "near"))
    assert checks["no climb on another model finds more"].passed
    with pytest.raises(UserError, match="is the model that is audited"):
        audit(load_classifier(str(tmp_path / "near")), data, attack="apgd", transfer_from=str(tmp_path / "near"))


def test_what_cannot_fail_does_not_pass(classifier, data):
    """Where every climb changes an answer none can end inside the ball; an attack without gradients is not misled by them."""
    found, checks = audit(classifier, data, epsilon=50.0)
    assert found.attacked == 0
    edge = checks["it reaches the edge of the ball"]
    assert edge.passed is None and "0 of 0" in edge.seen
    _, blind = audit(classifier, data, attack="square", steps=2)
    assert "looks again" in blind["no search without gradients finds more"].means
    _, climbing = audit(classifier, data, attack="pgd", steps=2)
    assert "gradients mislead" in climbing["no search without gradients finds more"].means


def test_what_cannot_be_audited(classifier, regressor, data, tmp_path):
    with pytest.raises(UserError, match="classes are needed"):
        analyse("audit", regressor, dataset=data)
    with pytest.raises(UserError, match="epsilon must be"):
        analyse("audit", classifier, dataset=data, epsilon=0)
    with pytest.raises(UserError, match="Unknown attack"):
        analyse("audit", classifier, dataset=data, attack="nosuch")
    with pytest.raises(UserError, match="another vocabulary"):
        analyse("audit", classifier, dataset=data, split="train", transfer_from="minilm")


def test_it_is_the_same_in_both_precisions(classifier, data):
    one, other = (audit(each, data, attack="margin", steps=5)[0] for each in (classifier, precise(classifier)))
    assert (one.clean, one.attacked) == (other.clean, other.attacked)
