"""FreeLB against a plain loop of Algorithm 1."""

import pytest
import torch

from engine.methods.freelb import FreeLB
from engine.perturbation import uniform_start
from tests import tiny


def first_delta(method, model, batch, seed):
    """δ_0 as the method draws it from this seed."""
    embedded = method.embed(model, batch)
    torch.manual_seed(seed)
    drawn = int(torch.randint(2**31, ()).item())
    settings = method.settings
    return uniform_start(
        batch["attention_mask"], embedded.keys(), embedded.like, magnitude=settings.start_magnitude, seed=drawn
    )


def plain_freelb(model, batch, delta, steps, alpha, epsilon, before_pass=lambda: None):
    """Algorithm 1, lines 4 to 12, one example at a time."""
    mask = batch["attention_mask"][..., None].double()
    words = model.get_input_embeddings()
    total = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    path = []
    for _ in range(steps):
        path.append(delta.clone())
        delta = delta.detach().requires_grad_()
        before_pass()
        loss, _ = tiny.plain_loss(model, words(batch["input_ids"]) + delta, batch)
        *parts, gradient = torch.autograd.grad(loss, [*model.parameters(), delta], allow_unused=True)
        for (name, _), part in zip(model.named_parameters(), parts, strict=True):
            if part is not None:
                total[name] += part / steps
        moved, gradient = delta.detach().clone(), gradient * mask
        for b in range(len(moved)):
            moved[b] += alpha * gradient[b] / gradient[b].pow(2).sum().sqrt()
            norm = moved[b].pow(2).sum().sqrt().item()
            if epsilon is not None and norm > epsilon:
                moved[b] *= epsilon / norm
        delta = moved
    return total, path


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("epsilon", [None, 0.5])
def test_freelb_equals_the_plain_loop(model, batch, steps, epsilon):
    method = FreeLB(ascent_steps=steps, step_size=0.3, epsilon=epsilon, start_magnitude=0.4)
    start = first_delta(method, model, batch, seed=11)
    expected, path = plain_freelb(model, batch, start, steps, 0.3, epsilon)
    model.zero_grad()
    torch.manual_seed(11)
    report = method.step(model, batch)
    tiny.assert_same(tiny.gradients(model), expected)
    for seen, delta in zip(report.token_norms, path, strict=True):
        torch.testing.assert_close(seen, delta.norm(dim=-1))


@pytest.mark.parametrize("steps", [2, 3])
def test_with_dropout_the_same_mask_holds_in_all_passes(batch, kind, steps):
    model = tiny.model("bert", kind, dropout=0.3)
    method = FreeLB(ascent_steps=steps, step_size=0.3, epsilon=None, start_magnitude=0.4)
    start = first_delta(method, model, batch, seed=11)
    state = torch.get_rng_state()  # After the draw of the start: what the first pass meets.
    expected, _ = plain_freelb(model, batch, start, steps, 0.3, None, before_pass=lambda: torch.set_rng_state(state))
    model.zero_grad()
    torch.manual_seed(11)
    method.step(model, batch)
    fixed = tiny.gradients(model)
    tiny.assert_same(fixed, expected)
    model.zero_grad()
    torch.manual_seed(11)
    FreeLB(method.settings.parse({**method.settings.as_dict(), "fixed_dropout": False})).step(model, batch)
    other = tiny.gradients(model)
    assert max((fixed[name] - other[name]).abs().max() for name in fixed) > 1e-4


def test_dropout_stays_on_with_the_fixed_mask(batch, kind):
    model = tiny.model("bert", kind, dropout=0.3)
    method = FreeLB(ascent_steps=1, start_magnitude=0.0)
    results = []
    for seed in (1, 2):
        model.zero_grad()
        torch.manual_seed(seed)
        method.step(model, batch)
        results.append(tiny.gradients(model))
    assert max((results[0][name] - results[1][name]).abs().max() for name in results[0]) > 1e-4


def test_clean_loss_weight_adds_the_clean_gradient(model, batch):
    torch.manual_seed(3)
    FreeLB(clean_loss_weight=0.5).step(model, batch)
    both = tiny.gradients(model)
    model.zero_grad()
    torch.manual_seed(3)
    FreeLB().step(model, batch)
    adversarial = tiny.gradients(model)
    model.zero_grad()
    tiny.plain_loss(model, model.get_input_embeddings()(batch["input_ids"]), batch)[0].backward()
    clean = tiny.gradients(model)
    tiny.assert_same(both, {name: adversarial[name] + 0.5 * clean[name] for name in clean})
