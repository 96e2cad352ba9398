"""SMART's smoothness ℓₛ against ε, in the worst direction and in a random one."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from engine.analysis import Result, analysis
from engine.analysis.smoothness import at_random, at_worst, climbs
from engine.methods.smart import SMART
from engine.progress import Progress, so_far, told
from engine.statistics import bootstrap
from engine.subjects.classifier import Classifier, precise
from engine.subjects.samples import Sample
from engine.tables import columns

EPSILONS = tuple(10.0**power for power in (-5, -4.5, -4, -3.5, -3, -2.5, -2))


@dataclass(frozen=True)
class CurvePoint:
    """Mean ℓₛ at one ε (L∞, per coordinate), with 95 % bootstrap intervals; `ratio`: worst over random direction."""

    epsilon: float
    adversarial: float
    adversarial_low: float
    adversarial_high: float
    random: float
    random_low: float
    random_high: float
    ratio: float


@dataclass(frozen=True)
class SmoothnessCurve(Result):
    """`curve`: a point per ε."""

    curve: list[CurvePoint]

    def text(self) -> str:
        """A row per ε."""
        rows = [
            [f"{row.epsilon:.3e}", f"{row.adversarial:.3e}", f"{row.random:.3e}", f"{row.ratio:.3e}"]
            for row in self.curve
        ]
        return columns(rows, ("epsilon", "worst", "random", "ratio"))


@analysis("smoothness curve", "Smoothness against ε", Sample)
def smoothness_curve(classifier: Classifier, asked: Sample, progress: Progress = None) -> SmoothnessCurve:
    """`against_epsilon` of a sample."""
    table = asked.table(classifier)
    return SmoothnessCurve(against_epsilon(classifier, table, seed=asked.seed, progress=progress))


def method_at(epsilon: float, **settings: Any) -> SMART:
    """SMART's inner maximisation at ε (L∞, per coordinate), scaled from the paper's: η = 100 ε, σ = ε, T = 1."""
    return SMART(
        **{"epsilon": epsilon, "step_size": 100 * epsilon, "start_sigma": epsilon, "ascent_steps": 1} | settings
    )


def against_epsilon(
    classifier: Classifier,
    table: pd.DataFrame,
    epsilons: Sequence[float] = EPSILONS,
    *,
    seed: int = 0,
    progress: Progress = None,
) -> list[CurvePoint]:
    """Mean ℓₛ against ε, worst and random direction, with bootstrap intervals (95 %) and their ratio."""
    methods = [method_at(epsilon) for epsilon in epsilons]
    # Of every example, by ε: ℓₛ in the worst and in a random direction.
    found: dict[int, list[tuple[float, float]]] = {}

    def made() -> list[CurvePoint]:
        by_epsilon = zip(*(found[place] for place in sorted(found)), strict=True)
        return [_point(epsilon, values) for epsilon, values in zip(epsilons, by_epsilon, strict=True)]

    for places, embedded, ends in climbs(precise(classifier), table, methods, seed=seed):
        pairs = [
            zip(at_worst(embedded, end).tolist(), at_random(method, embedded, end, seed).tolist(), strict=True)
            for method, end in zip(methods, ends, strict=True)
        ]
        found |= {place: list(values) for place, values in zip(places, zip(*pairs, strict=True), strict=True)}
        told(progress, len(found), len(table))
        so_far(progress, lambda: SmoothnessCurve(made()))
    return made()


def _point(epsilon: float, values: Sequence[tuple[float, float]]) -> CurvePoint:
    worst, random = ([each[side] for each in values] for side in (0, 1))
    mean, random_mean = fmean(worst), fmean(random)
    ratio = mean / random_mean if random_mean else float("nan")
    return CurvePoint(float(epsilon), mean, *bootstrap(worst), random_mean, *bootstrap(random), ratio)
