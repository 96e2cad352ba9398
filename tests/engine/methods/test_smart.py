"""SMART against a plain loop; its divergence against KL written out."""

import copy

import pytest
import torch

from engine.methods.losses import divergence
from engine.methods.smart import SMART
from engine.methods.vanilla import Vanilla
from engine.perturbation import gaussian_start
from tests import tiny


def plain_divergence(p_logits, q_logits):
    """D_KL(P||Q) + D_KL(Q||P) summed over classes, from probabilities; squared difference for one output."""
    if p_logits.shape[-1] == 1:
        return (p_logits[:, 0] - q_logits[:, 0]) ** 2
    p, q = p_logits.softmax(-1), q_logits.softmax(-1)
    return (p * (p / q).log()).sum(-1) + (q * (q / p).log()).sum(-1)


def plain_smart(model, batch, noise, steps, eta, epsilon, weight, average=None, mu=0.0):
    """F(θ) = L(θ) + λ R(θ) (+ the Bregman term), L∞ ball, through ordinary autograd."""
    mask = batch["attention_mask"][..., None].double()
    words = model.get_input_embeddings()
    fixed = tiny.plain_loss(model, words(batch["input_ids"]), batch)[1].detach()
    delta = noise
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        _, logits = tiny.plain_loss(model, words(batch["input_ids"]) + delta, batch)
        gradient = torch.autograd.grad(plain_divergence(logits, fixed).mean(), delta)[0] * mask
        moved = delta.detach().clone()
        for b in range(len(moved)):
            moved[b] += eta * gradient[b] / gradient[b].abs().max()
        delta = moved.clamp(-epsilon, epsilon)
    model.zero_grad()
    loss, clean = tiny.plain_loss(model, words(batch["input_ids"]), batch)
    _, moved_logits = tiny.plain_loss(model, words(batch["input_ids"]) + delta, batch)
    loss = loss + weight * plain_divergence(moved_logits, clean).mean()
    if mu:
        with torch.no_grad():
            target = tiny.plain_loss(average, average.get_input_embeddings()(batch["input_ids"]), batch)[1]
        loss = loss + mu * plain_divergence(clean, target).mean()
    loss.backward()
    return tiny.gradients(model), loss.item()


def noise_of(method, model, batch, seed):
    embedded = method.embed(model, batch)
    torch.manual_seed(seed)
    drawn = int(torch.randint(2**31, ()).item())
    sigma = method.settings.start_sigma
    return gaussian_start(batch["attention_mask"], embedded.keys(), embedded.like, sigma=sigma, seed=drawn)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_smart_equals_the_plain_loop(model, batch, steps):
    method = SMART(ascent_steps=steps, step_size=0.02, epsilon=0.05, start_sigma=0.01, smoothness_weight=3.0)
    noise = noise_of(method, model, batch, 5)
    expected, loss = plain_smart(model, batch, noise, steps, 0.02, 0.05, 3.0)
    model.zero_grad()
    torch.manual_seed(5)
    report = method.step(model, batch)
    tiny.assert_same(tiny.gradients(model), expected)
    assert report.loss.item() == pytest.approx(loss, rel=1e-9)
    assert report.figures["smoothness_kl"] > 0


def test_bregman_term_follows_the_averaged_weights(model, batch):
    method = SMART(step_size=0.02, epsilon=0.05, start_sigma=0.01, bregman_weight=1.0, bregman_momentum=0.8)
    reference = copy.deepcopy(model)
    average = copy.deepcopy(model)  # θ̃_0 = θ_0
    for update in range(3):
        if update:
            with torch.no_grad():
                for kept, current in zip(average.parameters(), reference.parameters(), strict=True):
                    kept.copy_(0.2 * current + 0.8 * kept)
        noise = noise_of(method, reference, batch, update)
        expected, _ = plain_smart(reference, batch, noise, 1, 0.02, 0.05, 1.0, average, 1.0)
        model.zero_grad()
        torch.manual_seed(update)
        method.step(model, batch)
        tiny.assert_same(tiny.gradients(model), expected)
        for each in (model, reference):
            with torch.no_grad():
                for name, parameter in each.named_parameters():
                    parameter -= 0.1 * expected[name]
    other = SMART(method.settings)
    other.load_state_dict({name: tensor.clone() for name, tensor in method.state_dict().items()})
    results = []
    for each in (method, other):
        model.zero_grad()
        torch.manual_seed(9)
        each.step(model, batch)
        results.append(tiny.gradients(model))
    tiny.assert_same(*results)


def test_without_the_penalty_it_is_vanilla_to_the_bit(model, batch):
    Vanilla().step(model, batch)
    plain = tiny.gradients(model)
    model.zero_grad()
    SMART(smoothness_weight=0.0).step(model, batch)
    assert all(torch.equal(plain[name], tensor) for name, tensor in tiny.gradients(model).items())


def test_with_fixed_dropout_the_penalty_is_of_delta_alone():
    """The same masks in every pass; otherwise two passes differ even where δ is 0. The clean pass stays vanilla's."""
    still = {"step_size": 1e-30, "epsilon": 1e-30, "start_sigma": 0.0}
    batch, penalties = tiny.batch(), {}
    for fixed in (True, False):
        model = tiny.model(dropout=0.2)
        torch.manual_seed(3)
        plain = float(tiny.plain_loss(model, model.get_input_embeddings()(batch["input_ids"]), batch)[0])
        torch.manual_seed(3)
        report = SMART(fixed_dropout=fixed, **still).step(model, batch)
        penalties[fixed] = float(report.figures["smoothness_kl"])
        assert float(report.loss) == pytest.approx(plain + penalties[fixed], rel=1e-6)
    assert penalties[True] == 0.0 and penalties[False] > 1e-4


def test_divergence_is_symmetric_never_negative_and_zero_for_equal_logits():
    first, second = torch.randn(50, 3), torch.randn(50, 3)
    torch.testing.assert_close(divergence(first, second), plain_divergence(first, second))
    torch.testing.assert_close(divergence(first, second), divergence(second, first))
    assert (divergence(first, second) > 0).all()
    assert torch.equal(divergence(first, first), torch.zeros(50))
    extreme = torch.tensor([[500.0, -500.0]])
    assert torch.isfinite(divergence(extreme, -extreme)).all()
