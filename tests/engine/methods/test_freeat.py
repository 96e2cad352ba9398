"""FreeAT against a plain loop, with an optimiser step after every replay."""

import copy

import pytest
import torch

from engine.methods.freeat import FreeAT
from engine.perturbation import project, token_norms
from tests import tiny
from tests.engine.methods.test_freelb import first_delta


def plain_freeat(model, batches, replays, alpha, epsilon, rate):
    """Each minibatch m times: one backward for θ and δ, a step of both; δ goes over to the next minibatch."""
    carried = None
    for batch in batches:
        mask = batch["attention_mask"][..., None].double()
        shape = (*batch["input_ids"].shape, model.get_input_embeddings().weight.shape[1])
        fitted = torch.zeros(shape, dtype=torch.float64)
        if carried is not None:
            rows, length = min(shape[0], carried.shape[0]), min(shape[1], carried.shape[1])
            fitted[:rows, :length] = carried[:rows, :length]
        delta = fitted * mask
        for _ in range(replays):
            delta = delta.detach().requires_grad_()
            model.zero_grad()
            words = model.get_input_embeddings()(batch["input_ids"])
            tiny.plain_loss(model, words + delta, batch)[0].backward()
            gradient = delta.grad * mask
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.grad is not None:
                        parameter -= rate * parameter.grad
            moved = delta.detach().clone()
            for b in range(len(moved)):
                moved[b] += alpha * gradient[b] / gradient[b].pow(2).sum().sqrt()
                norm = moved[b].pow(2).sum().sqrt().item()
                if norm > epsilon:
                    moved[b] *= epsilon / norm
            delta = moved
        carried = delta
    return carried


@pytest.mark.parametrize("replays", [1, 2, 3])
def test_freeat_equals_the_plain_loop(model, kind, replays):
    batches = [tiny.batch(kind), tiny.batch(kind, (9, 4), seed=2), tiny.batch(kind, (3, 6, 2, 5, 4), seed=3)]
    reference = copy.deepcopy(model)
    carried = plain_freeat(reference, batches, replays, 0.3, 0.5, 0.1)
    method = FreeAT(ascent_steps=replays, step_size=0.3, epsilon=0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for batch in batches:
        for _ in range(method.replays):
            optimizer.zero_grad()
            method.step(model, batch)
            optimizer.step()
    torch.testing.assert_close(method.carried[0], carried)
    tiny.assert_same(dict(model.named_parameters()), dict(reference.named_parameters()))


def test_carried_delta_is_part_of_the_state(model, batch):
    method = FreeAT(step_size=0.3)
    method.step(model, batch)
    other = FreeAT(step_size=0.3)
    other.load_state_dict(method.state_dict())
    model.zero_grad()
    first = method.step(model, batch)
    second = other.step(model, batch)
    torch.testing.assert_close(first.token_norms[0], second.token_norms[0])
    assert first.token_norms[0].max() > 0


def test_a_random_restart_begins_every_minibatch_anew(model, kind):
    """Each minibatch from U(-ε₀, ε₀)/√N, drawn from the generator's state before its first replay; then as ever."""
    method = FreeAT(ascent_steps=2, step_size=0.3, epsilon=0.5, random_restart=True, start_magnitude=0.4)
    for place, batch in enumerate([tiny.batch(kind), tiny.batch(kind, (9, 4), seed=2)]):
        expected = project(first_delta(method, model, batch, seed=place), 0.5)
        torch.manual_seed(place)
        norms = [method.step(model, batch).token_norms[0] for _ in range(2)]
        torch.testing.assert_close(norms[0], token_norms(expected))
        assert not torch.equal(norms[0], norms[1])
        model.zero_grad()


def test_a_restart_is_resumed_in_the_middle_of_its_replays(model, batch):
    method = FreeAT(ascent_steps=3, random_restart=True)
    method.step(model, batch)
    other = FreeAT(ascent_steps=3, random_restart=True)
    other.load_state_dict(method.state_dict())
    torch.testing.assert_close(other.step(model, batch).token_norms[0], token_norms(method.carried[0]))
