"""`variant="code"`: what the published codes do where the papers say otherwise, each against the loop written out in float64."""

import pytest
import torch
from torch.nn import functional as F

from engine.methods import METHODS
from engine.methods.alum import ALUM
from engine.methods.freeat import FreeAT
from engine.methods.freelb import FreeLB
from engine.methods.pgd import PGD
from engine.methods.smart import SMART
from engine.methods.textat import TextAT
from tests import tiny


def one_sided(target, logits):
    """KL(target ‖ logits) per example, from probabilities."""
    p, q = target.softmax(-1), logits.softmax(-1)
    return (p * (p / q).log()).sum(-1)


def test_every_method_that_differs_has_the_one_field():
    differ = {each.name for each in METHODS.all() if "variant" in each.Settings.names()}
    assert differ == {"pgd", "freeat", "freelb", "smart", "textat", "alum", "creat"}
    for name in differ:
        schema = METHODS.get(name).Settings.schema()["variant"]
        assert schema["default"] == "paper" and set(schema["enum"]) == {"paper", "code"}
        assert schema["description"].startswith("code: ")


@pytest.mark.parametrize("method", [SMART, ALUM])
@pytest.mark.parametrize("steps", [1, 3])
def test_smart_as_published(method, steps):
    """Noise per token without a ball; one-sided KL of the batch's mean in the ascent; fixed targets in the penalty."""
    model, batch = tiny.model(num_labels=3), tiny.batch(3)
    settings = {"step_size": 50.0, "start_sigma": 0.01, "smoothness_weight": 3.0, "ascent_steps": steps}
    made = method(**settings, variant="code", epsilon=1e-5)
    torch.manual_seed(4)
    report = made.step(model, batch)
    found = tiny.gradients(model)
    noise = tiny.started(made, model, batch)
    model.zero_grad()
    words = model.get_input_embeddings()(batch["input_ids"])
    mask = batch["attention_mask"][..., None].double()
    loss, clean = tiny.plain_loss(model, words, batch)
    for _ in range(steps):
        noise = noise.detach().requires_grad_()
        moved = tiny.plain_loss(model, words.detach() + noise, batch)[1]
        (gradient,) = torch.autograd.grad(one_sided(clean.detach(), moved).mean(), noise)
        wanted = noise.detach() + 50.0 * gradient
        noise = torch.zeros_like(wanted)
        for b in range(len(wanted)):
            for i in range(wanted.shape[1]):
                noise[b, i] = wanted[b, i] / (wanted[b, i].abs().max() + 1e-6)
        noise = noise * mask
    moved = tiny.plain_loss(model, words + noise, batch)[1]
    apart = one_sided(clean.detach(), moved) + one_sided(moved.detach(), clean)
    (loss + 3.0 * apart.mean()).backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)
    # ε is no radius there: the largest entry of every token is near 1.
    assert float(noise[mask[..., 0] > 0].abs().amax(dim=-1).min()) > 0.99
    torch.testing.assert_close(report.token_norms[-1], noise.norm(dim=-1))


def test_smart_as_published_of_scores():
    """Squared differences, both sides with their gradients."""
    model, batch = tiny.model(num_labels=1), tiny.batch(1)
    made = SMART(step_size=50.0, start_sigma=0.01, variant="code")
    torch.manual_seed(4)
    made.step(model, batch)
    found = tiny.gradients(model)
    noise = tiny.started(made, model, batch).requires_grad_()
    model.zero_grad()
    words = model.get_input_embeddings()(batch["input_ids"])
    loss, clean = tiny.plain_loss(model, words, batch)
    moved = tiny.plain_loss(model, words.detach() + noise, batch)[1]
    (gradient,) = torch.autograd.grad(F.mse_loss(moved, clean.detach()), noise)
    noise = noise.detach() + 50.0 * gradient
    noise = noise / (noise.abs().amax(-1, keepdim=True) + 1e-6) * batch["attention_mask"][..., None]
    (loss + F.mse_loss(tiny.plain_loss(model, words + noise, batch)[1], clean)).backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)


def test_textat_as_published():
    """η₀ divided by the batch's norm, summed losses, K - 1 ascents, padding moved too, no projection of the start; two batches."""
    model, settings = (
        tiny.model(num_labels=3),
        {"epsilon": 0.4, "step_size": 0.1, "start_magnitude": 0.8, "ascent_steps": 3},
    )
    method = TextAT(**settings, variant="code", seed=7)
    whole = None
    for seed in (1, 5):
        batch = tiny.batch(3, seed=seed)
        ids, mask = batch["input_ids"], batch["attention_mask"][..., None].double()
        assert (mask == 0).any()
        if whole is None:
            start = tiny.started(method, model, batch)[0]
            whole = method.table.starting_rows(torch.arange(method.table.slot.shape[0]))
        else:
            start = tiny.started(method, model, batch)[0]
        torch.manual_seed(4)
        report = method.step(model, batch)
        found = tiny.gradients(model)
        model.zero_grad()

        delta, eta = start, whole[ids] / whole[ids].norm()
        for step in range(3):
            words = model.get_input_embeddings()(ids)
            leaf = (words.detach() + delta + eta).requires_grad_()
            loss, _ = tiny.plain_loss(model, leaf, batch)
            (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=True)
            tiny.plain_loss(model, words + delta + eta, batch)[0].backward()
            if step == 2:
                whole.index_put_((ids.flatten(),), eta.reshape(-1, eta.shape[-1]), accumulate=True)
                break
            delta = delta + 0.1 * gradient / gradient.flatten(1).norm(dim=1).clamp_min(1e-8)[:, None, None]
            eta = eta + 0.1 * gradient / gradient.norm(dim=-1, keepdim=True).clamp_min(1e-8)
            norms = eta.norm(dim=-1)
            eta = eta * (norms / norms.max(dim=1, keepdim=True).values)[..., None]
            size = (delta + eta).flatten(1).norm(dim=1)
            factor = torch.where(size > 0.4, 0.4 / size, 1.0)[:, None, None]
            delta, eta = delta * factor, eta * factor
        tiny.assert_same(found, tiny.gradients(model), atol=1e-10)
        model.zero_grad()
        table = method.table
        torch.testing.assert_close(table.rows, whole[table.tokens], atol=1e-10, rtol=0)
        assert len(report.token_norms) == 3


def test_freelb_as_published():
    """New dropout masks in every pass, and a start that may lie outside the ball."""
    model, batch = tiny.model(num_labels=3, dropout=0.3), tiny.batch(3)
    model.train()
    method = FreeLB(epsilon=0.1, step_size=0.1, start_magnitude=0.8, ascent_steps=3, variant="code")
    torch.manual_seed(4)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    model.zero_grad()
    delta = tiny.started(method, model, batch)  # Leaves the random state where the step's first pass finds it.
    assert float(delta.flatten(1).norm(dim=1).min()) > 0.1
    for step in range(3):
        words = model.get_input_embeddings()(batch["input_ids"])
        leaf = delta.clone().requires_grad_()
        loss, _ = tiny.plain_loss(model, words + leaf, batch)
        (loss / 3).backward()
        torch.testing.assert_close(report.losses[step], loss.detach())
        gradient = leaf.grad * batch["attention_mask"][..., None]
        delta = (delta + 0.1 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]).detach()
        delta = delta * (0.1 / delta.flatten(1).norm(dim=1)).clamp_max(1.0)[:, None, None]
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)


def test_freeat_and_pgd_as_in_freelbs_code():
    """FreeAT begins every minibatch anew; the starts of both may lie outside the ball."""
    model, batch = tiny.model(num_labels=3), tiny.batch(3)
    settings = {"epsilon": 0.1, "step_size": 0.1, "start_magnitude": 0.8, "ascent_steps": 2}
    method = FreeAT(**settings, variant="code")
    norms = [method.step(model, batch).token_norms[0].norm(dim=1) for _ in range(4)]
    assert all(float(norms[at].min()) > 0.1 for at in (0, 2))
    assert all(float(norms[at].max()) <= 0.1 + 1e-9 for at in (1, 3))
    assert not torch.equal(norms[0], norms[2])
    started = [
        float(tiny.started(PGD(**settings, variant=each), model, batch).norm(dim=(1, 2)).max())
        for each in ("paper", "code")
    ]
    assert started[0] <= 0.1 + 1e-9 < started[1]
