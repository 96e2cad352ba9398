"""What the completed runs of a study show so far."""

from dataclasses import dataclass
from typing import Any

from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.progress import Progress
from engine.settings import CONFIG, Settings
from engine.studies.results import results
from engine.studies.studies import cells, study_from
from engine.studies.training import runs_of


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class StudySettings(Settings):
    """Which study."""

    definition: dict[str, Any]
    """As in a study's file: name, methods, datasets, models, seeds, run, settings."""


@dataclass(frozen=True)
class StudyResults(Result):
    """`rows`: see `studies.results.results`."""

    rows: list[dict[str, Any]]


@analysis("study", "Studies", StudySettings, needs="nothing")
def study(nothing: None, asked: StudySettings, progress: Progress = None) -> StudyResults:
    """The rows of a study's table."""
    wanted = cells(study_from(asked.definition))
    return StudyResults(results(wanted, runs_of(wanted)))
