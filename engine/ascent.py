"""The ascent of a method on a model that is not trained: the one loop that all analyses and attacks use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.methods import get_method
from engine.methods.base import Method
from engine.methods.passes import PerturbedBatch
from engine.methods.precision import full_precision
from engine.sites import EMBEDDINGS


@dataclass(frozen=True)
class Point:
    """One point of a path. `delta` [B, L, D], `logits` [B, C], `loss` (the task's) and `objective` (what the method
    ascends: SMART's ℓₛ, else the loss) [B].
    """

    delta: Tensor
    logits: Tensor
    loss: Tensor
    objective: Tensor


def climb(
    method: Method[Any],
    model: nn.Module,
    batch: Mapping[str, Tensor],
    *,
    steps: int,
    seed: int = 0,
    until: Callable[[Point], bool] = lambda point: False,
) -> list[Point]:
    """The method's path over K = `steps` ascent steps, the start first: K + 1 points.

    Args:
        method: whose start and ascent are followed.
        model: in evaluation mode, on the batch's device.
        batch: `input_ids`, `attention_mask`, …, `labels` `[B]`.
        steps: K; a method that has no K climbs once at most (FGM's second step would start anew from where the first one led).
        seed: of the random start.
        until: ends the path early, after a point for which it is true.
    """
    return climb_in(method, method.embed(model, batch), steps=steps, seed=seed, until=until)


def climb_in(
    method: Method[Any],
    embedded: PerturbedBatch,
    *,
    steps: int,
    seed: int = 0,
    until: Callable[[Point], bool] = lambda point: False,
) -> list[Point]:
    """`climb` of a batch that was embedded already: several climbs can share its clean pass."""
    points = []
    steps = steps if "ascent_steps" in method.settings.names() else min(steps, 1)
    with torch.random.fork_rng(), full_precision(method.takes_differences):
        torch.manual_seed(seed)
        objective = method.ascent_objective(embedded)
        state = method.start(embedded)
        for step in range(steps + 1):
            delta = method.total(state)
            at = embedded.forward(delta, ascent=method.takes_gradient)
            value = objective(at)
            logits = at.logits.detach()
            points.append(Point(delta, logits, embedded.losses(logits), value.detach()))
            if until(points[-1]):
                break
            if step < steps:
                gradient = embedded.input_gradient(value.sum(), at) if method.takes_gradient else embedded.like
                state = method.ascend(state, gradient, embedded)
    return points


def at_radius(name: str, epsilon: float, steps: int, site: str = EMBEDDINGS, **options: Any) -> Method[Any]:
    """A method set up so that all of them can be compared at one ε (Frobenius, in the site's units) over K steps.

    The step size is 2ε/K, so that every method can reach the ball's surface and turn there. Random starts scale with
    ε: FreeLB's ε_0 = ε (‖δ_0‖ ≈ 0.58 ε); SMART is given the Frobenius ball and σ = ε/1000.

    Args:
        name: the method's.
        epsilon: ε.
        steps: K.
        site: where δ enters.
        options: of `Method.__init__` (`tokenizer`, `seed`).
    """
    method = get_method(name)
    wanted = {
        "epsilon": epsilon,
        "step_size": 2 * epsilon / max(steps, 1),
        "ascent_steps": max(steps, 1),
        "norm": "frobenius",
        "start_sigma": epsilon / 1000,
        "site": site,
    }
    if name in ("freelb", "textat"):
        wanted["start_magnitude"] = epsilon
    allowed = method.Settings.names()
    settings = method.Settings.parse({key: value for key, value in wanted.items() if key in allowed})
    return method(settings, **options)
