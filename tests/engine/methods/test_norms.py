"""The L∞ ball and the unprojected start, options of FreeLB, PGD and FreeAT, against plain loops."""

import pytest
import torch

from engine.methods import get_method
from tests import tiny


def plain_ascent(model, batch, start, steps, alpha, epsilon):
    """δ ← clamp(δ + α g/‖g‖_∞, ±ε), example by example; returns the ‖δ^i‖_2 of every point."""
    mask = batch["attention_mask"][..., None].double()
    delta, norms = start.clone(), [start.pow(2).sum(-1).sqrt()]
    for _ in range(steps):
        point = delta.detach().requires_grad_()
        words = model.get_input_embeddings()(batch["input_ids"]).detach()
        loss, _ = tiny.plain_loss(model, words + point, batch)
        gradient = torch.autograd.grad(loss, point)[0] * mask
        for b in range(len(delta)):
            moved = delta[b] + alpha * gradient[b] / gradient[b].abs().max()
            delta[b] = moved.clamp(-epsilon, epsilon)
        norms.append(delta.pow(2).sum(-1).sqrt())
    return norms


@pytest.mark.parametrize("name", ["pgd", "freelb", "freeat"])
def test_the_ball_of_the_largest_coordinate(model, batch, name):
    steps, alpha, epsilon = 3, 0.03, 0.05
    method = get_method(name)(
        norm="max",
        epsilon=epsilon,
        step_size=alpha,
        ascent_steps=steps,
        **({} if name == "freeat" else {"start_magnitude": 0.0}),
    )
    found = []
    for _ in range(method.replays):
        found += method.step(model, batch).token_norms
    expected = plain_ascent(
        model, batch, torch.zeros_like(model.get_input_embeddings()(batch["input_ids"])), steps, alpha, epsilon
    )
    assert len(found) >= steps
    for mine, plain in zip(found, expected, strict=False):
        torch.testing.assert_close(mine, plain)


@pytest.mark.parametrize("name", ["pgd", "freelb"])
@pytest.mark.parametrize("norm, magnitude", [("max", 0.2), ("frobenius", 2.0)])
@pytest.mark.parametrize("inside", [True, False])
def test_a_start_outside_of_the_ball_stays_there_only_if_asked_to(model, batch, name, norm, magnitude, inside):
    method = get_method(name)(norm=norm, epsilon=0.1, start_magnitude=magnitude, project_start=inside)
    embedded = method.embed(model, batch)
    delta = method.start(embedded)
    size = delta.abs().amax((1, 2)) if norm == "max" else delta.pow(2).sum((1, 2)).sqrt()
    assert (size <= 0.1 + 1e-9).all() if inside else (size > 0.1).all()
    if norm == "max" and not inside:  # U(-ε₀, ε₀) itself, not divided by √N.
        assert 0.15 < float(delta.abs().max()) <= 0.2
