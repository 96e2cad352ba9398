"""What several runs logged, to be laid over one another."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class RunCurves:
    """`curves`: logged figure → (step, value)."""

    title: str
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
    return Curves({run.id: RunCurves(run.marked_title, run.metrics, store.figures(run.id)) for run in found})
