"""The arithmetic of δ: properties over random inputs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.perturbation import (
    ascend,
    example_noise,
    example_norms,
    project,
    token_norms,
    uniform_start,
    unit_example,
    unit_token,
)

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 5))


def tensors(shape, seed, scale):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 999), st.sampled_from([1e-30, 1e-9, 1.0, 1e9]), st.just(0.0) | st.floats(1e-40, 5))
def test_projection_is_inside_the_ball_and_leaves_the_inside_alone(shape, seed, scale, epsilon):
    delta = tensors(shape, seed, scale)
    projected = project(delta, epsilon)
    assert (example_norms(projected) <= epsilon * (1 + 1e-12)).all()
    for before, after in zip(delta, projected, strict=True):
        if before.norm() <= epsilon:
            assert torch.equal(before, after)
        else:  # The nearest point of a ball: the same direction.
            cosine = (before / before.abs().max() * after / after.abs().max().clamp_min(1e-300)).sum()
            assert epsilon == 0 or cosine > 0
    clamped = project(delta, epsilon, "max")
    assert clamped.abs().max() <= epsilon
    assert torch.equal(project(delta, None), delta)


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 999), st.sampled_from([1e-300, 1e-40, 1e-9, 1.0, 1e100]))
def test_unit_gradients_have_norm_one_at_any_scale(shape, seed, scale):
    gradient = tensors(shape, seed, scale)
    ones = torch.ones(shape[0], dtype=torch.float64)
    torch.testing.assert_close(example_norms(unit_example(gradient)), ones)
    torch.testing.assert_close(example_norms(unit_example(gradient, "max"), "max"), ones)
    torch.testing.assert_close(token_norms(unit_token(gradient)), torch.ones(shape[:2], dtype=torch.float64))


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf")])
def test_a_zero_or_non_finite_gradient_leaves_delta_as_it_is(bad):
    delta = tensors((3, 4, 5), 0, 0.01)
    gradient = tensors((3, 4, 5), 1, 1.0)
    gradient[1] = bad
    for norm in ("frobenius", "max"):
        moved = ascend(delta, gradient, step_size=0.1, epsilon=None, norm=norm)
        assert torch.isfinite(moved).all()
        assert torch.equal(moved[1], delta[1])
        assert not torch.equal(moved[0], delta[0])
    assert torch.equal(unit_token(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))


def test_ascent_step_is_the_equation_written_out():
    delta, gradient = tensors((2, 3, 4), 0, 1.0), tensors((2, 3, 4), 1, 1.0)
    moved = ascend(delta, gradient, step_size=0.3, epsilon=1.1)
    for b in range(2):
        expected = delta[b] + 0.3 * gradient[b] / (gradient[b] ** 2).sum().sqrt()
        norm = (expected**2).sum().sqrt()
        expected = expected * min(1.0, 1.1 / norm.item())
        torch.testing.assert_close(moved[b], expected)


def test_uniform_start_has_the_stated_bounds_and_spread():
    mask = torch.ones(200, 9, dtype=torch.bool)
    mask[:, 6:] = False
    like = torch.zeros(200, 9, 32, dtype=torch.float64)
    start = uniform_start(mask, list(range(200)), like, magnitude=0.6, seed=3)
    bound = 0.6 / (6 * 32) ** 0.5
    assert start[:, 6:].abs().max() == 0
    inside = start[:, :6] / bound
    assert inside.abs().max() <= 1
    assert inside.abs().max() > 0.99
    assert abs(inside.mean().item()) < 0.02
    assert abs(inside.std().item() - (1 / 3) ** 0.5) < 0.01  # of U(-1, 1)


def test_noise_of_an_example_depends_on_its_key_and_the_seed_alone():
    like = torch.zeros(3, 5, 4, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    noise = example_noise(mask, [7, 8, 9], like, seed=1)
    wider = example_noise(
        torch.tensor([[0, 0, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0, 0]]), [9, 7], torch.zeros(2, 7, 4).double(), seed=1
    )
    assert torch.equal(wider[0, 2:4], noise[2, :2])
    assert torch.equal(wider[1, 1:4], noise[0, :3])
    assert not torch.equal(example_noise(mask, [7, 8, 9], like, seed=2), noise)
    assert noise[0, 3:].abs().max() == 0
