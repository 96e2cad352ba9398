"""Accuracy against ε under PGD in embedding space, with restarts and a check that the attack has converged."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any, Literal

import pandas as pd
import torch
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.analysis import Result, analysis
from engine.errors import UserError
from engine.progress import Progress, so_far, told
from engine.robustness.attacks import AttackName, named, worst
from engine.settings import CONFIG
from engine.sites import EMBEDDINGS, SiteName, said_at
from engine.statistics import binomial_interval
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample, batches
from engine.tables import columns

EPSILONS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
BATCH = 32


def radii(text: str) -> list[float]:
    """Radii ε from text, with commas between, in rising order.

    Raises:
        UserError: not 1 to 40 numbers from 0 on.
    """
    try:
        found = sorted({float(part) for part in text.split(",") if part.strip()})
    except ValueError:
        found = []
    if len(found) > 40:
        raise UserError(f"The radii ε must be 1 to 40 numbers, but there are {len(found)}.")
    if not 1 <= len(found) <= 40 or not all(0 <= epsilon <= 1e6 for epsilon in found):
        raise UserError(
            f"The radii ε must be 1 to 40 numbers from 0 on with commas between, but they are {text[:60]!r}."
        )
    return found


def _radii(given: Any) -> tuple[float, ...]:
    return tuple(radii(given if isinstance(given, str) else ",".join(map(str, given))))


Radii = Annotated[tuple[float, ...], BeforeValidator(_radii)]  # A setting: numbers, or text with commas between.


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class RobustSettings(Sample):
    """A sample and an attack."""

    attack: AttackName = "pgd"
    """pgd, margin, apgd, apgd margin, targeted, square (without gradients), or standard: the worst over all of them."""
    epsilons: Radii = EPSILONS
    """Radii ε, separated by commas (Frobenius norm per sentence, embedding units)."""
    steps: int = Field(default=10, ge=1, le=200)
    """K, the number of ascent steps (APGD's paper: 100)."""
    restarts: int = Field(default=2, ge=1, le=20)
    """Attacks per example and ε, the first from δ = 0."""
    schedule: Literal["linear", "constant"] = "linear"
    """Step size of PGD: it starts at 2.5 ε / K and then falls (linear) or stays the same (constant)."""
    site: SiteName = EMBEDDINGS
    """Where δ enters: embeddings, or layer:N, the hidden states that go into block N (from 0)."""


@dataclass(frozen=True)
class RobustPoint:
    """Accuracy at one ε. `accuracy`: under `steps` steps; `longer`: under twice as many; `low`, `high`: exact 95 % interval (Clopper–Pearson);
    `queries`: passes of the model per example, of both attacks together.

    The attack has converged if `longer` is not much lower than `accuracy`: more steps find hardly anything more.
    """

    epsilon: float
    accuracy: float
    longer: float
    low: float
    high: float
    queries: float = 0.0

    @property
    def converged(self) -> bool:
        """Whether twice the steps lower it by at most one point."""
        return self.accuracy - self.longer <= 0.01


@dataclass(frozen=True)
class RobustAccuracy(Result):
    """`curve`: a point per ε, rising. `site`: where δ enters."""

    origin: str
    curve: list[RobustPoint]
    site: str = EMBEDDINGS

    def document(self) -> dict[str, Any]:
        """The curve; whether each point has converged."""
        curve = [{**asdict(each), "converged": each.converged} for each in self.curve]
        return {"origin": self.origin, "curve": curve, "site": self.site}

    def text(self) -> str:
        """A row per ε."""
        rows = [
            (
                f"{each.epsilon:g}",
                f"{each.accuracy:.3f}",
                f"{each.longer:.3f}",
                f"{each.low:.3f} to {each.high:.3f}",
                f"{each.queries:.0f}",
            )
            for each in self.curve
        ]
        return f"{self.origin}{said_at(self.site)}\n\n" + columns(
            rows, ("epsilon", "accuracy", "twice the steps", "95 % interval", "queries")
        )


@analysis("robust accuracy", "Robust accuracy", RobustSettings, needs="classes", many=True)
def robust_accuracy(classifier: Classifier, asked: RobustSettings, progress: Progress = None) -> RobustAccuracy:
    """The share of examples whose label no point of any attack changes, for every ε (Frobenius, per sentence).

    An attack climbs the true label's loss, or what its file says: the first time from δ = 0, then from random points of the
    ball's surface. An example that falls at a smaller ε counts as fallen at every larger one: its δ lies in that ball too; so the curve
    never rises.
    """
    return RobustAccuracy(classifier.origin, curve_of(classifier, asked.table(classifier), asked, progress), asked.site)


def curve_of(
    classifier: Classifier, table: pd.DataFrame, asked: RobustSettings, progress: Progress = None
) -> list[RobustPoint]:
    """The curve on a table of `text`, perhaps `text_pair`, `label`."""
    grid, steps = asked.epsilons, asked.steps
    attacks, asked_about = named(asked.attack, len(classifier.labels)), [0] * len(grid)
    fallen = {name: torch.zeros(len(grid), len(table), dtype=torch.bool) for name in ("short", "long")}
    parts, done, seen = 2 * len(grid) * -(-len(table) // BATCH), 0, torch.zeros(len(table), dtype=torch.bool)

    def made(count: int) -> RobustAccuracy:
        return RobustAccuracy(classifier.origin, _points(grid[:count], fallen, asked_about, seen), asked.site)

    for places, batch in batches(classifier, table, BATCH):
        alone = not seen.any()
        seen[places] = True
        down = {name: torch.zeros(len(places), dtype=torch.bool) for name in fallen}
        for at, epsilon in enumerate(grid):
            for name, count in (("short", steps), ("long", 2 * steps)):
                if name == "long":  # What the short attack finds, the long one need not look for: it is both together.
                    down["long"] |= down["short"]
                holding = (~down[name]).nonzero()[:, 0]
                if len(holding):
                    part = {key: tensor[holding.to(tensor.device)] for key, tensor in batch.items()}
                    found, queries = worst(
                        attacks, classifier, part, epsilon, count, restarts=asked.restarts, seed=asked.seed,
                        site=asked.site, schedule=asked.schedule,
                    )  # fmt: skip
                    down[name][holding] |= found
                    asked_about[at] += queries
                fallen[name][at, places] = down[name]
                done += 1
                told(progress, done, parts)
            if alone or at == len(grid) - 1:  # All that were begun have come as far as this ε.
                so_far(progress, partial(made, at + 1))
    return _points(grid, fallen, asked_about, seen)


def _points(
    grid: Sequence[float], fallen: Mapping[str, Tensor], asked_about: Sequence[int], seen: Tensor
) -> list[RobustPoint]:
    """The curve of the examples that were attacked."""
    return [
        _point(epsilon, fallen["short"][at, seen], fallen["long"][at, seen], asked_about[at] / int(seen.sum()))
        for at, epsilon in enumerate(grid)
    ]


def _point(epsilon: float, short: Tensor, long: Tensor, queries: float) -> RobustPoint:
    low, high = binomial_interval(int((~short).sum()), len(short))
    return RobustPoint(epsilon, float((~short).double().mean()), float((~long).double().mean()), low, high, queries)
