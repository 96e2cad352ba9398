"""How smooth a model is: SMART's ℓₛ in the worst direction and in a random one, example by example."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from engine.analysis.ascent import climb
from engine.analysis.classifier import Classifier, precise
from engine.analysis.examples import Progress, batches, tokens_of
from engine.methods.base import Method
from engine.methods.passes import EmbeddedBatch
from engine.methods.smart import SMART, divergence
from engine.perturbation import example_noise, project, token_norms, unit_example

LEAST_SMOOTH = 8
EPSILONS = tuple(10.0**power for power in (-5, -4.5, -4, -3.5, -3, -2.5, -2))


@dataclass(frozen=True)
class Example:
    """One example: ℓₛ along the worst and along a random direction at the same ε, and where the worst one moved it.

    Attributes:
        token_norms: [L], ‖δ^i‖_2; all but equal in an L∞ ball, whose corners the ascent reaches.
        token_effects: [L], ℓₛ when δ^i alone is added; [] except for the least smooth examples.
    """

    place: int
    text: str
    adversarial: float
    random: float
    tokens: list[str]
    token_norms: list[float]
    token_effects: list[float] = field(default_factory=list)


def method_at(epsilon: float, **settings: Any) -> SMART:
    """SMART's inner maximisation at ε (L∞, per coordinate), scaled from the paper's: η = 100 ε, σ = ε, T = 1."""
    return SMART(
        **{"epsilon": epsilon, "step_size": 100 * epsilon, "start_sigma": epsilon, "ascent_steps": 1} | settings
    )


def random_delta(batch: EmbeddedBatch, method: SMART, seed: int) -> Tensor:
    """A random point of the ball's surface: ±ε in every coordinate (L∞), a random direction of length ε (Frobenius)."""
    noise = example_noise(batch.mask, batch.keys(), batch.embeddings, seed=seed, normal=True)
    epsilon = method.settings.epsilon or 0.0
    return project(epsilon * (noise.sign() if method.norm == "max" else unit_example(noise)), epsilon, method.norm)


def smoothness(
    classifier: Classifier,
    table: pd.DataFrame,
    method: SMART | None = None,
    *,
    seed: int = 0,
    effects: int = LEAST_SMOOTH,
    progress: Progress | None = None,
) -> list[Example]:
    """ℓₛ(f(x̃), f(x)) of every example, in the table's order; symmetrised KL, for regression the squared difference.

    Args:
        table: `text`, perhaps `text_pair`, `label`. method: the inner maximisation; None: the paper's settings.
        seed: of the random start and of the random direction. effects: of how many of the least smooth examples the
            `token_effects` are computed (a forward pass per token).
    """
    method, classifier = method or SMART(), precise(classifier)
    found: dict[int, Example] = {}
    moves: dict[int, tuple[dict[str, Tensor], Tensor]] = {}  # Of the least smooth so far: the example, and its δ.
    for places, batch in batches(classifier, table, progress=progress):
        worst = climb(method, classifier.model, batch, steps=method.settings.ascent_steps, seed=seed)[-1]
        random = random_divergence(classifier, method, batch, seed)
        norms = token_norms(worst.delta)
        for row, place in enumerate(places):
            names = tokens_of(classifier, batch, row)
            found[place] = Example(
                place,
                str(table["text"].iloc[place]),
                float(worst.objective[row]),
                float(random[row]),
                names,
                norms[row][batch["attention_mask"][row].bool()].tolist(),
            )
            moves[place] = ({name: tensor[row] for name, tensor in batch.items()}, worst.delta[row])
        least = sorted(moves, key=lambda place: -found[place].adversarial)[:effects]
        moves = {place: moves[place] for place in least}
    for place, (example, delta) in moves.items():
        found[place] = replace(found[place], token_effects=token_effects(classifier, method, example, delta))
    return [found[place] for place in sorted(found)]


def token_effects(classifier: Classifier, method: SMART, example: dict[str, Tensor], delta: Tensor) -> list[float]:
    """ℓₛ of one example when each token's part of δ is added alone: [L] for its L real tokens.

    Args:
        example: its inputs without a batch dimension. delta: `[L, D]`.
    """
    real = example["attention_mask"].bool().nonzero()[:, 0]
    batch = {name: tensor.expand(len(real), *tensor.shape) for name, tensor in example.items()}
    alone = torch.zeros(len(real), *delta.shape, dtype=delta.dtype, device=delta.device)
    alone[torch.arange(len(real)), real] = delta[real]
    with torch.no_grad():
        embedded = method.embed(classifier.model, batch)
        clean = embedded.forward(ascent=False).logits
        effects: list[float] = divergence(embedded.forward(alone, ascent=False).logits, clean).tolist()
    return effects


def random_divergence(classifier: Classifier, method: Method[Any], batch: dict[str, Tensor], seed: int) -> Tensor:
    """ℓₛ at a random point of the ball's surface, [B]."""
    assert isinstance(method, SMART)
    with torch.no_grad():
        embedded = method.embed(classifier.model, batch)
        clean = embedded.forward(ascent=False).logits
        moved = embedded.forward(random_delta(embedded, method, seed + 1), ascent=False).logits
        return divergence(moved, clean)


def bootstrap(values: Sequence[float], *, draws: int = 1000, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean."""
    data = np.asarray(values, dtype=float)
    chance = np.random.default_rng(seed)
    means = data[chance.integers(0, len(data), (draws, len(data)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def against_epsilon(
    classifier: Classifier,
    table: pd.DataFrame,
    epsilons: Sequence[float] = EPSILONS,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[dict[str, float]]:
    """Mean ℓₛ against ε, worst and random direction, with bootstrap intervals (95 %) and their ratio.

    Returns:
        One row per ε: `epsilon`, `adversarial`, `adversarial_low`, `adversarial_high`, `random`, `random_low`,
        `random_high`, `ratio`.
    """
    rows = []
    for place, epsilon in enumerate(epsilons):
        found = smoothness(classifier, table, method_at(epsilon), seed=seed, effects=0)
        worst, random = [each.adversarial for each in found], [each.random for each in found]
        low, high = bootstrap(worst)
        random_low, random_high = bootstrap(random)
        mean, random_mean = float(np.mean(worst)), float(np.mean(random))
        rows.append(
            {
                "epsilon": float(epsilon),
                "adversarial": mean,
                "adversarial_low": low,
                "adversarial_high": high,
                "random": random_mean,
                "random_low": random_low,
                "random_high": random_high,
                "ratio": mean / random_mean if random_mean else float("nan"),
            }
        )
        if progress is not None:
            progress(place + 1, len(epsilons))
    return rows
