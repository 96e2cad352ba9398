"""Methods that move the weights and come back: SAM, ASAM and AWP, against the loop written out."""

import copy

import pytest
import torch

from engine.methods.asam import ASAM
from engine.methods.awp import AWP
from engine.methods.sam import SAM
from engine.methods.vanilla import Vanilla
from tests import tiny


def sam(weights, gradients):
    norm = sum(float((g**2).sum()) for g in gradients) ** 0.5
    return [0.3 * g / norm for g in gradients]


def asam(weights, gradients):
    norm = sum(float((((w.abs() + 0.02) * g) ** 2).sum()) for w, g in zip(weights, gradients, strict=True)) ** 0.5
    return [0.4 * (w.abs() + 0.02) ** 2 * g / norm for w, g in zip(weights, gradients, strict=True)]


def awp(weights, gradients):
    return [
        0.1 * w.norm() * g / g.norm() if w.ndim > 1 and g.norm() > 0 else torch.zeros_like(w)
        for w, g in zip(weights, gradients, strict=True)
    ]


@pytest.mark.parametrize(
    "method, move",
    [(SAM(radius=0.3), sam), (ASAM(radius=0.4, offset=0.02), asam), (AWP(strength=0.1), awp)],
    ids=["sam", "asam", "awp"],
)
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_gradient_is_that_of_the_moved_weights_and_they_come_back(method, move, scale):
    model, batch = tiny.model(), tiny.batch()
    before = copy.deepcopy(model.state_dict())
    weights = list(model.parameters())
    weights[-1].grad = torch.ones_like(weights[-1])  # Of another micro-batch: it must not say where to go.
    report = method.step(model, batch, scale=scale)
    weights[-1].grad -= 1
    found = tiny.gradients(model)
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    plain = tiny.model()
    loss, _ = tiny.plain_loss(plain, plain.get_input_embeddings()(batch["input_ids"]), batch)
    own = torch.autograd.grad(loss, list(plain.parameters()), allow_unused=True)
    own = [torch.zeros_like(w) if g is None else g for w, g in zip(plain.parameters(), own, strict=True)]
    with torch.no_grad():
        for weight, step in zip(plain.parameters(), move(list(plain.parameters()), own), strict=True):
            weight += step
    there, _ = tiny.plain_loss(plain, plain.get_input_embeddings()(batch["input_ids"]), batch)
    (scale * there).backward()
    tiny.assert_same(found, tiny.gradients(plain), atol=1e-10)
    torch.testing.assert_close(report.loss, loss.detach())
    assert float(there) > float(loss)  # It has gone uphill.


@pytest.mark.parametrize("method", [SAM(radius=0.0), ASAM(radius=0.0), AWP(strength=0.0)], ids=["sam", "asam", "awp"])
def test_without_a_move_it_is_vanilla(method):
    model, batch = tiny.model(dropout=0.2), tiny.batch()
    found = []
    for each in (method, Vanilla()):
        model.zero_grad()
        torch.manual_seed(1)
        each.step(model, batch)
        found.append(tiny.gradients(model))
    tiny.assert_same(*found)  # With dropout on: both passes have the masks of one.


def test_frozen_weights_do_not_move():
    model, batch = tiny.model(), tiny.batch()
    frozen, free = model.bert.encoder.layer
    frozen.requires_grad_(False)
    seen = {frozen: [], free: []}
    for block, found in seen.items():
        weight = block.output.dense.weight
        block.register_forward_pre_hook(lambda *_, weight=weight, found=found: found.append(weight.detach().clone()))
    SAM(radius=1.0).step(model, batch)
    assert len(seen[frozen]) >= 2 and all(torch.equal(seen[frozen][0], each) for each in seen[frozen])
    assert not torch.equal(seen[free][0], seen[free][-1])
