"""Accuracy against ε under PGD in embedding space, with restarts and a check that the attack has converged."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from engine.analysis.classifier import Classifier
from engine.analysis.examples import Progress, batches
from engine.errors import UserError
from engine.methods.pgd import PGD
from engine.perturbation import example_noise, project, unit_example

EPSILONS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
BATCH = 32
SCHEDULES = ("linear", "constant")


@dataclass(frozen=True)
class RobustPoint:
    """Accuracy at one ε. `accuracy`: under `steps` steps; `longer`: under twice as many; `low`, `high`: 95 % interval.

    The attack has converged if `longer` is not much lower than `accuracy`: more steps find hardly anything more.
    """

    epsilon: float
    accuracy: float
    longer: float
    low: float
    high: float

    @property
    def converged(self) -> bool:
        """Whether twice the steps lower it by at most one point."""
        return self.accuracy - self.longer <= 0.01


def radii(text: str) -> list[float]:
    """Radii ε from text, with commas between, in rising order.

    Raises:
        UserError: not 1 to 40 numbers from 0 on.
    """
    try:
        found = sorted({float(part) for part in text.split(",") if part.strip()})
    except ValueError:
        found = []
    if not 1 <= len(found) <= 40 or not all(0 <= epsilon <= 1e6 for epsilon in found):
        raise UserError(
            f"The radii ε must be 1 to 40 numbers from 0 on with commas between, but they are {text[:60]!r}."
        )
    return found


def robust_accuracy(
    classifier: Classifier,
    table: pd.DataFrame,
    epsilons: Sequence[float] = EPSILONS,
    *,
    steps: int = 10,
    restarts: int = 2,
    schedule: str = "linear",
    seed: int = 0,
    progress: Progress | None = None,
) -> list[RobustPoint]:
    """The share of examples whose label no point of any attack changes, for every ε (Frobenius, per sentence).

    An attack is PGD on the true label's loss: the first from δ = 0, the others from a random point of its surface. The step
    size starts at 2.5 ε / K and stays (`constant`) or falls linearly, towards a tenth of it (`linear`). An example that falls
    at a smaller ε counts as fallen at every larger one: its δ lies in that ball too; so the curve never rises.

    Args:
        table: `text`, perhaps `text_pair`, `label`. epsilons: rising. steps: K. restarts: attacks per example and ε.

    Raises:
        UserError: a regression model, or settings out of range.
    """
    if classifier.is_regression:
        raise UserError("Robust accuracy needs classes: choose a classifier, not a regression model.")
    if not (1 <= steps <= 200 and 1 <= restarts <= 20) or schedule not in SCHEDULES:
        raise UserError("Allowed are 1 to 200 steps, 1 to 20 restarts, and the schedules linear and constant.")
    grid = sorted(set(map(float, epsilons)))
    if not grid or grid[0] < 0:
        raise UserError("Give at least one ε, none below 0.")
    fallen = {name: torch.zeros(len(grid), len(table), dtype=torch.bool) for name in ("short", "long")}
    parts, done = 2 * len(grid) * -(-len(table) // BATCH), 0
    for places, batch in batches(classifier, table, BATCH):
        for name, count in (("short", steps), ("long", 2 * steps)):
            down = torch.zeros(len(places), dtype=torch.bool)
            for at, epsilon in enumerate(grid):
                if name == "long":  # What the short attack finds, the long one need not look for: it is both together.
                    down |= fallen["short"][at, places]
                for restart in range(restarts if epsilon else 1):
                    holding = (~down).nonzero()[:, 0]
                    if not len(holding):
                        break
                    part = {key: tensor[holding.to(tensor.device)] for key, tensor in batch.items()}
                    down[holding] |= attack(classifier, part, epsilon, count, schedule, seed + restart, restart > 0)
                fallen[name][at, places] = down
                done += 1
                if progress is not None:
                    progress(done, parts)
    return [_point(epsilon, fallen["short"][at], fallen["long"][at]) for at, epsilon in enumerate(grid)]


def _point(epsilon: float, short: Tensor, long: Tensor) -> RobustPoint:
    from engine.analysis.smoothness import bootstrap

    held = (~short).double()
    low, high = bootstrap(held.tolist())
    return RobustPoint(epsilon, float(held.mean()), float((~long).double().mean()), low, high)


def attack(
    classifier: Classifier,
    batch: dict[str, Tensor],
    epsilon: float,
    steps: int,
    schedule: str = "linear",
    seed: int = 0,
    random_start: bool = False,
) -> Tensor:
    """Whether PGD changes the prediction away from the label at any of its points, [B], on the CPU."""
    embedded = PGD().embed(classifier.model, batch)
    delta = torch.zeros_like(embedded.embeddings)
    if random_start:
        noise = example_noise(embedded.mask, embedded.keys(), embedded.embeddings, seed=seed, normal=True)
        delta = epsilon * unit_example(noise)
    down = torch.zeros(len(batch["labels"]), dtype=torch.bool)
    for step in range(steps + 1 if epsilon else 1):
        at = embedded.forward(delta)
        down |= (at.logits.argmax(dim=-1) != batch["labels"]).cpu()
        if step == steps or not epsilon or bool(down.all()):
            break
        gradient = embedded.input_gradient(embedded.losses(at.logits).sum(), at)
        size = 2.5 * epsilon / steps * (1.0 if schedule == "constant" else 1.0 - 0.9 * step / steps)
        delta = project(delta + size * unit_example(gradient), epsilon, "frobenius").detach()
    return down
