"""PGD against a plain loop."""

import pytest
import torch

from engine.methods.pgd import PGD
from tests import tiny


def plain_pgd(model, batch, steps, alpha, epsilon, clean_weight=0.0):
    """Slides eq. (2), one example at a time, through ordinary autograd."""
    mask = batch["attention_mask"][..., None].double()
    words = model.get_input_embeddings()
    delta = torch.zeros_like(words(batch["input_ids"]))
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        loss, _ = tiny.plain_loss(model, words(batch["input_ids"]) + delta, batch)
        gradient = torch.autograd.grad(loss, delta)[0] * mask
        moved = delta.detach().clone()
        for b in range(len(moved)):
            moved[b] += alpha * gradient[b] / gradient[b].pow(2).sum().sqrt()
            norm = moved[b].pow(2).sum().sqrt().item()
            if norm > epsilon:
                moved[b] *= epsilon / norm
        delta = moved
    model.zero_grad()
    loss, _ = tiny.plain_loss(model, words(batch["input_ids"]) + delta, batch)
    if clean_weight:
        loss = loss + clean_weight * tiny.plain_loss(model, words(batch["input_ids"]), batch)[0]
    loss.backward()
    return delta, loss.item(), tiny.gradients(model)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("clean_weight", [0.0, 0.7])
def test_pgd_equals_the_plain_loop(model, batch, steps, clean_weight):
    delta, loss, expected = plain_pgd(model, batch, steps, 0.4, 0.7, clean_weight)
    model.zero_grad()
    method = PGD(ascent_steps=steps, step_size=0.4, epsilon=0.7, clean_loss_weight=clean_weight)
    report = method.step(model, batch)
    tiny.assert_same(tiny.gradients(model), expected)
    assert report.loss.item() == pytest.approx(loss, rel=1e-9)
    torch.testing.assert_close(report.token_norms[-1], delta.norm(dim=-1))
    assert len(report.token_norms) == len(report.losses) == steps + 1


def test_one_step_with_epsilon_equal_to_step_size_is_fgm(model, batch):
    method = PGD(ascent_steps=1, step_size=0.5, epsilon=0.5)
    embedded = method.embed(model, batch)
    at = embedded.forward(method.start(embedded))
    gradient = embedded.input_gradient(embedded.losses(at.logits).sum(), at)
    delta = method.ascend(method.start(embedded), gradient, embedded)
    words = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
    plain = torch.autograd.grad(tiny.plain_loss(model, words, batch)[0], words)[0]
    fgm = 0.5 * plain / plain.flatten(1).norm(dim=1)[:, None, None]
    torch.testing.assert_close(delta, fgm)


def test_random_start_is_projected_and_seeded(model, batch):
    method = PGD(start_magnitude=9.0, epsilon=0.3)
    torch.manual_seed(1)
    first = method.start(method.embed(model, batch))
    torch.manual_seed(1)
    second = method.start(method.embed(model, batch))
    assert torch.equal(first, second)
    torch.testing.assert_close(first.flatten(1).norm(dim=1), torch.full((4,), 0.3, dtype=torch.float64))
