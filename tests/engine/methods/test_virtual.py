"""Methods that climb the divergence of outputs: VAT and ALUM, against the loop written out."""

import pytest
import torch
from torch.nn import functional as F

from engine.methods.alum import ALUM
from engine.methods.losses import kl
from engine.methods.vat import VAT
from tests import tiny


def one_sided(target, logits):
    return F.kl_div(logits.log_softmax(-1), target.softmax(-1), reduction="none").sum(-1)


def unit(each):
    return each / each.flatten(1).norm(dim=1)[:, None, None]


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("probe", [1e-2, 1e-6])
def test_vat(steps, probe):
    model, batch = tiny.model(num_labels=3), tiny.batch(3)
    method = VAT(epsilon=0.4, probe=probe, ascent_steps=steps, smoothness_weight=2.0)
    direction = unit(tiny.started(method, model, batch))
    torch.manual_seed(4)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    model.zero_grad()
    words = model.get_input_embeddings()(batch["input_ids"])
    loss, clean = tiny.plain_loss(model, words, batch)
    for _ in range(steps):
        r = (probe * direction).requires_grad_()
        moved = tiny.plain_loss(model, words.detach() + r, batch)[1]
        (gradient,) = torch.autograd.grad(one_sided(clean.detach(), moved).sum(), r)
        direction = unit(gradient * batch["attention_mask"][..., None])
    moved = tiny.plain_loss(model, words + 0.4 * direction, batch)[1]
    apart = one_sided(clean.detach(), moved).mean()
    (loss + 2.0 * apart).backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-7 if probe < 1e-4 else 1e-10)
    torch.testing.assert_close(report.figures["smoothness_kl"], apart.detach(), rtol=1e-5, atol=0)


def test_probes_near_and_far_find_one_direction():
    """In float64, where the near one is not lost in rounding: what the default ξ rests on."""
    model, batch = tiny.model(num_labels=3), tiny.batch(3)
    ends = []
    for probe in (1e-6, 1e-2):
        method = VAT(epsilon=0.4, probe=probe, ascent_steps=2)
        torch.manual_seed(4)
        embedded = method.embed(model, batch)
        objective, r = method.ascent_objective(embedded), method.start(embedded)
        for _ in range(2):
            at = embedded.forward(probe * unit(r))
            r = method.ascend(r, embedded.input_gradient(objective(at).sum(), at), embedded)
        ends.append(r)
    cosines = F.cosine_similarity(ends[0].flatten(1), ends[1].flatten(1))
    assert (cosines > 0.99).all()


def test_vat_needs_no_labels():
    model, batch = tiny.model(), tiny.batch()
    unlabelled = {**batch, "labels": torch.full_like(batch["labels"], -100)}
    report = VAT(epsilon=0.5).step(model, unlabelled)
    assert report.loss == report.figures["smoothness_kl"] > 0
    assert any(each.abs().max() > 0 for each in tiny.gradients(model).values())


def test_alum():
    model, batch = tiny.model(num_labels=3), tiny.batch(3)
    method = ALUM(epsilon=0.2, step_size=0.1, ascent_steps=2, start_sigma=0.05, smoothness_weight=3.0)
    delta = tiny.started(method, model, batch)
    torch.manual_seed(4)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    model.zero_grad()
    words = model.get_input_embeddings()(batch["input_ids"])
    loss, clean = tiny.plain_loss(model, words, batch)
    for _ in range(2):
        delta = delta.detach().requires_grad_()
        moved = tiny.plain_loss(model, words.detach() + delta, batch)[1]
        (gradient,) = torch.autograd.grad(one_sided(clean.detach(), moved).sum(), delta)
        gradient = gradient * batch["attention_mask"][..., None]
        largest = gradient.abs().amax((1, 2), keepdim=True)
        delta = (delta + 0.1 * gradient / largest).clamp(-0.2, 0.2)
    moved = tiny.plain_loss(model, words + delta.detach(), batch)[1]
    apart = one_sided(clean.detach(), moved) + one_sided(moved.detach(), clean)
    (loss + 3.0 * apart.mean()).backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)
    torch.testing.assert_close(report.figures["smoothness_kl"], apart.mean().detach())


def test_the_one_sided_divergence_of_every_kind_of_output():
    torch.manual_seed(0)
    first, second = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    labels = torch.zeros(4, dtype=torch.long)
    torch.testing.assert_close(kl(first, second, "single_label_classification", labels), one_sided(first, second))
    torch.testing.assert_close(kl(first, second, "regression", labels), ((first - second) ** 2).mean(-1) / 2)
    pairs = [torch.stack([each, torch.zeros_like(each)], dim=-1) for each in (first, second)]
    torch.testing.assert_close(kl(first, second, "multi_label_classification", labels), one_sided(*pairs).sum(-1))
    tags = torch.tensor([[0, -100], [1, 1]])
    wide = [torch.randn(2, 2, 3, dtype=torch.float64) for _ in range(2)]
    each = one_sided(*wide)
    expected = torch.stack([each[0, 0], each[1].mean()])
    torch.testing.assert_close(kl(*wide, "token_classification", tags), expected)
    assert float(kl(first, first, "single_label_classification", labels).abs().max()) < 1e-12
