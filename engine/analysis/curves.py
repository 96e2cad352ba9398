"""What several runs logged, to be laid over one another."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.progress import Progress
from engine.runs.store import Store
from engine.settings import CONFIG, Settings


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class CurvesSettings(Settings):
    """Which runs."""

    runs: tuple[str, ...]
    """Ids or names of runs, separated by commas."""


MOST_POINTS = 2000  # Of a curve; a screen is not wider.


@dataclass(frozen=True)
class RunCurves:
    """`config`: all settings, those of its method by names with a dot. `curves`: logged figure → (step, value), `thinned`."""

    title: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    curves: dict[str, list[tuple[int, float]]]


@dataclass(frozen=True)
class Curves(Result):
    """`runs`: by id."""

    runs: dict[str, RunCurves]


@analysis("curves", "Curves of runs", CurvesSettings, needs="nothing")
def curves(nothing: None, asked: CurvesSettings, progress: Progress = None) -> Curves:
    """The figures of each run."""
    store = Store()
    found = [store.find(reference) for reference in asked.runs]
    return Curves(
        {
            run.id: RunCurves(
                run.marked_title,
                flat(run.config),
                run.metrics,
                {name: thinned(points) for name, points in store.figures(run.id).items()},
            )
            for run in found
        }
    )


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's settings in one row: those of its method as `method_settings.epsilon`, …"""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def thinned(points: list[tuple[int, float]], most: int = MOST_POINTS) -> list[tuple[int, float]]:
    """At most `most` of a curve's points: of every stretch its lowest and its highest, so that no spike is lost."""
    if len(points) <= most:
        return points
    cuts = [round(place * len(points) / (most // 2)) for place in range(most // 2 + 1)]
    kept: list[tuple[int, float]] = []
    for begin, end in pairwise(cuts):
        stretch = points[begin:end]
        kept += sorted({min(stretch, key=_value), max(stretch, key=_value)})
    return kept


def _value(point: tuple[int, float]) -> float:
    return point[1]
