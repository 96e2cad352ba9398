"""Methods that add noise and climb nothing: R3F and NEFTune, against the loop written out."""

import copy

import pytest
import torch

from engine.errors import UserError
from engine.methods.neftune import NEFTune
from engine.methods.r3f import R3F
from tests import tiny


def symmetric(first, second):
    p, q = first.softmax(-1), second.softmax(-1)
    return (p * (p.log() - q.log())).sum(-1) + (q * (q.log() - p.log())).sum(-1)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("outputs", [3, 1])
def test_r3f(distribution, outputs):
    model, batch = tiny.model(num_labels=outputs), tiny.batch(outputs)
    method = R3F(magnitude=0.3, smoothness_weight=2.0, distribution=distribution)
    noise = tiny.started(method, model, batch)
    torch.manual_seed(4)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    model.zero_grad()
    words = model.get_input_embeddings()(batch["input_ids"])
    loss, clean = tiny.plain_loss(model, words, batch)
    _, moved = tiny.plain_loss(model, words + noise, batch)
    apart = ((moved - clean) ** 2)[:, 0] if outputs == 1 else symmetric(moved, clean)
    (loss + 2.0 * apart.mean()).backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)
    torch.testing.assert_close(report.figures["smoothness_kl"], apart.mean().detach())
    real = noise[batch["attention_mask"].bool()]
    assert noise[batch["attention_mask"] == 0].abs().max() == 0
    if distribution == "uniform":
        assert 0.25 < real.abs().max() <= 0.3
    else:
        assert real.std() == pytest.approx(0.3, rel=0.1) and real.abs().max() > 0.6


def test_r4f_divides_the_heads_weight_by_its_largest_singular_value():
    """Against the head written out; W itself is normalised beforehand, which changes no output of W/σ(W)."""
    model, batch = tiny.model(num_labels=3), tiny.batch(3)
    head, given = model.classifier, copy.deepcopy(model)
    method = R3F(magnitude=0.3, smoothness_weight=2.0, spectral_norm=True)
    noise = tiny.started(method, model, batch)
    torch.manual_seed(4)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    assert isinstance(head.weight, torch.nn.Parameter) and not hasattr(head, "parametrizations")
    sigma = torch.linalg.svdvals(given.classifier.weight.detach())[0]
    torch.testing.assert_close(head.weight.detach(), given.classifier.weight.detach() / sigma)
    with torch.no_grad():
        given.classifier.weight.div_(sigma)

    def logits(delta):
        words = given.get_input_embeddings()(batch["input_ids"])
        pooled = given.bert(inputs_embeds=words + delta, attention_mask=batch["attention_mask"]).pooler_output
        weight = given.classifier.weight
        return pooled @ (weight / torch.linalg.svdvals(weight)[0]).T + given.classifier.bias

    clean, moved = logits(0.0), logits(noise)
    loss = torch.nn.functional.cross_entropy(clean, batch["labels"]) + 2.0 * symmetric(moved, clean).mean()
    loss.backward()
    tiny.assert_same(found, tiny.gradients(given), atol=1e-10)
    torch.testing.assert_close(report.loss, loss.detach())
    with pytest.raises(UserError, match="neither compiled"):
        method.step(torch.compile(model, backend="eager"), batch)


def test_neftune():
    model, batch = tiny.model(), tiny.batch()
    method = NEFTune(magnitude=2.0)
    noise = tiny.started(method, model, batch)
    torch.manual_seed(4)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    model.zero_grad()
    words = model.get_input_embeddings()(batch["input_ids"])
    loss, _ = tiny.plain_loss(model, words + noise, batch)
    loss.backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)
    torch.testing.assert_close(report.loss, loss.detach())
    width = noise.shape[-1]
    for row, length in enumerate(tiny.LENGTHS):
        bound = 2.0 / (length * width) ** 0.5
        assert 0.9 * bound < noise[row].abs().max() <= bound and noise[row, length:].abs().sum() == 0
    assert report.token_norms[-1].norm(dim=-1) == pytest.approx([2.0 / 3**0.5] * 4, rel=0.2)
