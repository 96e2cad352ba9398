"""The shared loop, and methods set up to be compared at one ε."""

import pytest
import torch

from engine.ascent import at_radius, climb
from engine.methods import perturbing
from engine.methods.vanilla import Vanilla
from tests import tiny


def test_a_path_is_start_and_ascents(model, batch):
    points = climb(at_radius("pgd", 0.4, 3), model, batch, steps=3)
    words = model.get_input_embeddings()(batch["input_ids"]).detach()
    assert len(points) == 4
    for point in points:
        loss, logits = tiny.plain_loss(model, words + point.delta, batch)
        torch.testing.assert_close(point.logits, logits)
        torch.testing.assert_close(point.loss.mean(), loss)
        assert torch.equal(point.loss, point.objective)
    assert points[-1].loss.mean() > points[0].loss.mean()
    clean = climb(Vanilla(), model, batch, steps=0)[0]
    torch.testing.assert_close(clean.logits, points[0].logits)


@pytest.mark.parametrize("name", perturbing())
@pytest.mark.parametrize("steps", [1, 5])
def test_every_method_reaches_the_surface_of_the_same_ball(model, batch, name, steps):
    path = climb(at_radius(name, 0.3, steps), model, batch, steps=steps)
    norms = path[-1].delta.flatten(1).norm(dim=1)
    assert (norms <= 0.3 + 1e-9).all()
    assert norms.max() == pytest.approx(0.3, rel=1e-6)
    assert (path[0].delta.flatten(1).norm(dim=1) <= 0.3 + 1e-9).all()
