"""TextAT against a plain loop, and its table."""

import pytest
import torch

from engine.errors import UserError
from engine.methods.textat import TextAT
from engine.methods.vanilla import Vanilla
from tests import tiny
from tests.engine.methods.test_freelb import first_delta


def plain_textat(model, batch, delta, eta, steps, alpha, epsilon):
    """Slides eq. (3), (4), token by token; returns the averaged gradients and η_K."""
    words = model.get_input_embeddings()
    total = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    mask = batch["attention_mask"].bool()

    def inside(delta, eta):
        for b in range(len(delta)):
            norm = (delta[b] + eta[b]).pow(2).sum().sqrt().item()
            if norm > epsilon:
                delta[b] *= epsilon / norm
                eta[b] *= epsilon / norm
        return delta, eta

    delta, eta = inside(delta.clone(), eta.clone())
    for _ in range(steps):
        moved = (delta + eta).requires_grad_()
        loss, _ = tiny.plain_loss(model, words(batch["input_ids"]) + moved, batch)
        *parts, gradient = torch.autograd.grad(loss, [*model.parameters(), moved], allow_unused=True)
        for (name, _), part in zip(model.named_parameters(), parts, strict=True):
            if part is not None:
                total[name] += part / steps
        for b in range(len(delta)):
            real = mask[b].nonzero()[:, 0].tolist()
            whole = sum(gradient[b, i].pow(2).sum() for i in real) ** 0.5
            for i in real:
                delta[b, i] += alpha * gradient[b, i] / whole
                eta[b, i] += alpha * gradient[b, i] / gradient[b, i].norm()
            largest = max(eta[b, i].norm() for i in real)
            for i in real:
                eta[b, i] *= eta[b, i].norm() / largest
        delta, eta = inside(delta, eta)
    return total, eta


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("update", ["mean", "add"])
def test_textat_equals_the_plain_loop_over_two_batches(model, kind, steps, update):
    method = TextAT(ascent_steps=steps, step_size=0.3, epsilon=0.9, start_magnitude=0.4, table_update=update, seed=4)
    table = {}
    for place, batch in enumerate([tiny.batch(kind), tiny.batch(kind, (6, 8), seed=2, vocabulary=12)]):
        ids, mask = batch["input_ids"], batch["attention_mask"].bool()
        start = first_delta(method, model, batch, seed=place)
        if place == 0:  # The table's starting rows are the method's own; what happens to them is not.
            method.start(method.embed(model, batch))
            starting = method.table.starting_rows(torch.arange(60))
        eta = torch.zeros_like(start)
        for b, i in mask.nonzero().tolist():
            eta[b, i] = table.get(ids[b, i].item(), starting[ids[b, i]])
        expected, eta = plain_textat(model, batch, start, eta, steps, 0.3, 0.9)
        found = {}
        for b, i in mask.nonzero().tolist():
            found.setdefault(ids[b, i].item(), []).append(eta[b, i])
        for token, rows in found.items():
            if update == "mean":
                table[token] = torch.stack(rows).mean(0)
            else:
                row = table.get(token, starting[token]) + torch.stack(rows).sum(0)
                table[token] = row * min(1.0, 0.9 / row.norm().item())  # Kept in the ball, or it has no bound.
        model.zero_grad()
        torch.manual_seed(place)
        method.step(model, batch)
        tiny.assert_same(tiny.gradients(model), expected)
        assert set(method.table.tokens.tolist()) == set(table)
        for token, row in table.items():
            torch.testing.assert_close(method.table.rows[method.table.slot[token]], row)


def test_epsilon_zero_equals_vanilla(model, batch):
    Vanilla().step(model, batch)
    plain = tiny.gradients(model)
    model.zero_grad()
    TextAT(epsilon=0.0).step(model, batch)
    tiny.assert_same(tiny.gradients(model), plain)


def test_exactly_the_rows_of_seen_tokens_change(model, batch):
    method = TextAT(seed=1)
    method.step(model, batch)
    seen = set(batch["input_ids"][batch["attention_mask"].bool()].tolist())
    assert set(method.table.tokens.tolist()) == seen
    before = method.table.rows.clone()
    few = tiny.batch(lengths=(2,), seed=8) | {"labels": batch["labels"][:1]}
    method.step(model, few)
    touched = set(few["input_ids"][0].tolist())
    for token in seen:
        slot = method.table.slot[token]
        assert torch.equal(before[slot], method.table.rows[slot]) == (token not in touched)


def test_starting_rows_do_not_depend_on_the_order_of_touching():
    rows = []
    for order in ([5, 9, 7], [7, 5, 9]):
        from engine.methods.token_table import TokenTable

        table = TokenTable(20, 6, magnitude=0.6, seed=3, like=torch.zeros(1, dtype=torch.float64))
        for token in order:
            table.touch(torch.tensor([token]))
        rows.append(torch.stack([table.rows[table.slot[token]] for token in (5, 7, 9)]))
    assert torch.equal(*rows)
    assert rows[0].abs().max() <= 0.6 / 6**0.5


def test_table_is_restored(model, batch):
    method = TextAT()
    torch.manual_seed(0)
    method.step(model, batch)
    other = TextAT()
    other.load_state_dict({name: tensor.clone() for name, tensor in method.state_dict().items()})
    results = []
    for each in (method, other):
        model.zero_grad()
        torch.manual_seed(1)
        each.step(model, batch)
        results.append(tiny.gradients(model))
    tiny.assert_same(*results)
    assert torch.equal(method.table.rows, other.table.rows)
    assert torch.equal(method.table.counts, other.table.counts)


@pytest.mark.parametrize("update", ["mean", "add"])
def test_the_table_does_not_grow_without_bound(model, update):
    method = TextAT(table_update=update, epsilon=0.3, step_size=0.05)
    for seed in range(60):
        method.step(model, tiny.batch(model.config.num_labels, seed=seed, vocabulary=9))
        model.zero_grad()
    norms = method.table.snapshot()["norms"]
    assert torch.isfinite(norms).all()
    assert 0 < norms.max() <= 0.3 + 1e-6


def test_adding_without_a_bound_is_refused():
    with pytest.raises(UserError, match="table_update add needs an epsilon"):
        TextAT(table_update="add", epsilon=None)
    assert TextAT(table_update="mean", epsilon=None).settings.epsilon is None
