"""Smoothness against a plain computation of SMART's inner maximisation."""

import copy
from dataclasses import replace

import pytest
import torch

from app.views import draw
from engine.analysis.smoothness import LEAST_SMOOTH, divergences, random_delta
from engine.analysis.smoothness_curve import against_epsilon, method_at
from engine.catalogue import analyse
from engine.methods.smart import SMART


def kl(first, second):
    p, q = first.softmax(-1), second.softmax(-1)
    return float((p * (p / q).log()).sum() + (q * (q / p).log()).sum())


def test_each_example_is_the_plain_inner_maximisation(classifier, table):
    """One example at a time, without padding, ordinary autograd, from the same start (σ = 0 would have no gradient)."""
    method = SMART(epsilon=0.02, step_size=0.05, start_sigma=0.01, ascent_steps=2)
    found = divergences(classifier, table, method, seed=3)
    assert [each.place for each in found] == list(range(len(table)))
    model = copy.deepcopy(classifier.model).double()
    torch.manual_seed(3)
    drawn = int(torch.randint(2**31, ()).item())
    from engine.methods.passes import PerturbedBatch
    from engine.perturbation import gaussian_start

    least = sorted(found, key=lambda each: -each.adversarial)[:LEAST_SMOOTH]
    assert {each.place for each in found if each.token_effects} == {each.place for each in least}
    for place in {0, 7, 23, least[0].place}:
        encoded = classifier.tokenizer(table["text"][place], return_tensors="pt")
        batch = {**encoded, "labels": torch.tensor([0])}
        embedded = PerturbedBatch(model, batch)
        delta = gaussian_start(embedded.mask, embedded.keys(), embedded.like, sigma=0.01, seed=drawn)
        words = embedded.like
        clean = model(inputs_embeds=words, attention_mask=encoded["attention_mask"]).logits.detach()
        for _ in range(2):
            delta = delta.detach().requires_grad_()
            logits = model(inputs_embeds=words + delta, attention_mask=encoded["attention_mask"]).logits
            p, q = logits.softmax(-1), clean.softmax(-1)
            loss = ((p - q) * (p.log() - q.log())).sum()
            (gradient,) = torch.autograd.grad(loss, delta)
            delta = (delta + 0.05 * gradient / gradient.abs().max()).clamp(-0.02, 0.02)
        moved = model(inputs_embeds=words + delta, attention_mask=encoded["attention_mask"]).logits
        assert found[place].adversarial == pytest.approx(kl(moved, clean), rel=1e-6)
        assert found[place].token_norms == pytest.approx(delta[0].norm(dim=-1).tolist(), rel=1e-6)
        for at, effect in enumerate(found[place].token_effects):
            alone = words.clone()
            alone[0, at] += delta[0, at]
            logits = model(inputs_embeds=alone, attention_mask=encoded["attention_mask"]).logits
            assert effect == pytest.approx(kl(logits, clean), rel=1e-5, abs=1e-15)
        assert found[place].tokens == classifier.tokenizer.convert_ids_to_tokens(encoded["input_ids"][0].tolist())


def test_the_worst_direction_is_worse_than_a_random_one(classifier, table):
    rows = against_epsilon(classifier, table, (1e-3, 1e-2, 1e-1), seed=1)
    for row in rows:
        assert row.adversarial > row.random > 0
        assert row.ratio == pytest.approx(row.adversarial / row.random)
        assert row.adversarial_low <= row.adversarial <= row.adversarial_high
        assert row.random_low <= row.random <= row.random_high
    assert rows[0].adversarial < rows[1].adversarial < rows[2].adversarial
    # For small ε, KL grows with the square of ε.
    assert rows[1].adversarial / rows[0].adversarial == pytest.approx(100, rel=0.3)


def test_where_all_are_equally_smooth_the_first_are_shown(classifier, sentences):
    """A model that says one thing to everything: ℓₛ is 0 for all, and the least smooth ones are still drawn."""
    model = copy.deepcopy(classifier.model)
    with torch.no_grad():
        model.classifier.weight.zero_()
    found = analyse("smoothness", replace(classifier, model=model), dataset=str(sentences), split="train", limit=50)
    assert found.worst == [0.0] * len(found.examples) and len(found.examples) == 50
    assert [bool(each.token_effects) for each in found.examples] == [True] * LEAST_SMOOTH + [False] * (
        len(found.examples) - LEAST_SMOOTH
    )
    assert len(draw("smoothness", "least smooth", {"one": found}).strips) == LEAST_SMOOTH


def test_no_radius_no_change(classifier, table):
    found = divergences(classifier, table.head(5), method_at(0.0))
    assert [each.adversarial for each in found] == [0.0] * 5
    assert [each.random for each in found] == [0.0] * 5


def test_the_random_direction_is_on_the_surface_of_the_same_ball(classifier, table):
    encoded = classifier.tokenizer(table["text"].tolist()[:3], return_tensors="pt", padding=True)
    batch = SMART().embed(classifier.model, {**encoded, "labels": torch.zeros(3, dtype=torch.long)})
    real = batch.mask[..., None].expand_as(batch.like)
    delta = random_delta(batch, SMART(epsilon=0.2), batch.like, 0)
    assert torch.equal(delta[real].abs(), torch.full_like(delta[real], 0.2))
    assert delta[~real].abs().sum() == 0
    delta = random_delta(batch, SMART(epsilon=0.2, norm="frobenius"), batch.like, 0)
    torch.testing.assert_close(delta.flatten(1).norm(dim=1), torch.full((3,), 0.2))
    worst = torch.rand_like(batch.like) * batch.mask3  # Without a ball: as long as the worst one, token by token.
    delta = random_delta(batch, SMART(variant="code"), worst, 0)
    torch.testing.assert_close(delta.norm(dim=-1), worst.norm(dim=-1))


def test_the_papers_delta_and_the_codes_side_by_side(classifier, sentences):
    """At the paper's ε the one is 1e-5 √D long per token, the other at least 1, and ε changes only the one."""
    found = {}
    for epsilon in (1e-5, 1e-3):
        how = {"dataset": str(sentences), "limit": 8, "settings": {"epsilon": epsilon}}
        found[epsilon] = analyse("smoothness variants", classifier, **how)
    width = classifier.model.config.hidden_size
    for epsilon, each in found.items():
        assert 0 < each.followed["paper"].length <= 1.001 * epsilon * width**0.5
        assert 1.0 <= each.followed["code"].length <= width**0.5
        assert "ε bounds nothing" in each.text()
    assert found[1e-5].followed["code"] == found[1e-3].followed["code"]
    alone = analyse("smoothness", classifier, **how)
    assert found[1e-3].followed["paper"].moved == pytest.approx(alone.worst)


def test_regression_uses_the_squared_difference(regressor, table):
    scores = table.assign(label=table["label"].astype(float))
    found = divergences(regressor, scores, method_at(0.01), seed=0)
    assert all(each.adversarial > 0 for each in found)
    rows = against_epsilon(regressor, scores, (1e-3, 1e-2))
    assert rows[1].adversarial / rows[0].adversarial == pytest.approx(100, rel=0.3)
