"""CreAT, as in the paper and as in its published code, against the loop written out."""

import pytest
import torch
from torch.nn import functional as F

from engine.methods.creat import CreAT
from tests import tiny


def seen(model, batch, delta=0.0):
    """(loss, losses, last hidden states) with δ added to the words."""
    words = model.get_input_embeddings()(batch["input_ids"])
    given = model(inputs_embeds=words + delta, attention_mask=batch["attention_mask"], output_hidden_states=True)
    losses = F.cross_entropy(given.logits, batch["labels"], reduction="none")
    return losses.mean(), losses, given.hidden_states[-1]


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize("steps", [1, 2])
def test_creat_equals_the_plain_loop(variant, steps):
    model, batch = tiny.model(num_labels=3), tiny.batch(3)
    settings = {"epsilon": 0.2, "step_size": 0.15, "temperature": 2.0, "start_sigma": 0.05}
    method = CreAT(**settings, ascent_steps=steps, variant=variant)
    torch.manual_seed(4)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    noise, _ = tiny.started(method, model, batch)

    model.zero_grad()
    mask = batch["attention_mask"].double()
    _, _, clean = seen(model, batch)
    delta, added = noise, noise
    for _ in range(steps):
        leaf = added.clone().requires_grad_()
        loss, losses, hidden = seen(model, batch, leaf)
        gradient = torch.zeros_like(leaf)
        (whole,) = torch.autograd.grad(
            sum(
                losses[b]
                - 2.0
                * sum(F.cosine_similarity(hidden[b, i], clean[b, i].detach(), dim=0) for i in range(length))
                / (1 if variant == "code" else length)
                for b, length in enumerate(batch["attention_mask"].sum(1).tolist())
            ),
            leaf,
        )
        gradient = whole * mask[..., None]
        delta = delta.clone()
        for b in range(len(delta)):
            delta[b] += 0.15 * gradient[b] / gradient[b].norm()
            delta[b] *= min(1.0, 0.2 / float(delta[b].norm()))
        added = added + delta if variant == "code" else delta
    loss = 0.5 * (seen(model, batch)[0] + seen(model, batch, added)[0])
    loss.backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)
    torch.testing.assert_close(report.loss, loss.detach())
    torch.testing.assert_close(report.token_norms[-1], added.norm(dim=-1))


def test_the_climb_turns_the_hidden_states_away():
    model, batch = tiny.model(num_labels=3), tiny.batch(3)
    cosines = {}
    for temperature in (0.0, 100.0):
        method = CreAT(epsilon=0.5, step_size=0.25, ascent_steps=4, temperature=temperature, start_sigma=1e-3)
        torch.manual_seed(0)
        embedded = method.embed(model, batch)
        objective, state = method.ascent_objective(embedded), method.start(embedded)
        clean = embedded.forward().hidden
        for _ in range(4):
            at = embedded.forward(method.total(state))
            state = method.ascend(state, embedded.input_gradient(objective(at).sum(), at), embedded)
        moved = embedded.forward(method.total(state)).hidden
        real = batch["attention_mask"].bool()
        cosines[temperature] = F.cosine_similarity(moved, clean, dim=-1)[real].mean()
    assert cosines[100.0] < cosines[0.0]
