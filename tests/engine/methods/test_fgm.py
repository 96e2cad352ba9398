"""FGM against the loop written out."""

import torch

from engine.methods.fgm import FGM
from tests import tiny


def test_the_gradients_are_those_of_both_losses():
    model, batch = tiny.model(), tiny.batch()
    report = FGM(epsilon=0.4).step(model, batch)
    found = tiny.gradients(model)
    model.zero_grad()
    words = model.get_input_embeddings()(batch["input_ids"])
    clean, _ = tiny.plain_loss(model, words, batch)
    (gradient,) = torch.autograd.grad(clean, words, retain_graph=True)
    gradient = gradient * batch["attention_mask"][..., None]
    delta = 0.4 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
    moved, _ = tiny.plain_loss(model, words + delta.detach(), batch)
    (clean + moved).backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)
    torch.testing.assert_close(report.loss, (clean + moved).detach())
    torch.testing.assert_close(report.token_norms[-1], delta.norm(dim=-1))
