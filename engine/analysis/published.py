"""A table of a paper's, with one's own completed runs below it."""

from dataclasses import dataclass

from pydantic import field_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.errors import known
from engine.progress import Progress
from engine.settings import CONFIG, Settings
from engine.studies.own import own_gains, own_results
from engine.studies.published import SOURCES, gains
from engine.studies.published import published as printed


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class PublishedSettings(Settings):
    """Which table."""

    paper: str
    """Key of `studies.published.SOURCES`."""

    @field_validator("paper")
    @classmethod
    def _known(cls, given: str) -> str:
        return known("table", given, list(SOURCES))


@dataclass(frozen=True)
class PublishedTable(Result):
    """`rows`: each begins with its name. `own`: how many of the rows are one's own. `gains`: over the baseline, as (row, task,
    points).
    """

    columns: list[str]
    rows: list[list[str | None]]
    own: int
    gains: list[tuple[str, str, float]]


@analysis("published", "Published tables", PublishedSettings, needs="nothing")
def published(nothing: None, asked: PublishedSettings, progress: Progress = None) -> PublishedTable:
    """The paper's figures as they are printed; one's own in points."""
    paper = asked.paper
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for each in printed():
        if each.table == paper:
            shown = {"missing": "–", "garbled": f"{each.text}… (cut)"}.get(each.mark, each.text)
            rows.setdefault((each.group, each.row), {})[each.column] = shown
    theirs = len(rows)
    own = own_results(paper)
    for result in own:
        text = "/".join(f"{value:.1f}" for value in result.values)
        text += f" ({result.runs} runs)" if result.runs > 1 else ""
        rows.setdefault(("yours", result.row), {})[result.column] = text
    columns = list(dict.fromkeys(column for values in rows.values() for column in values))
    return PublishedTable(
        columns=["", *columns],
        rows=[[name, *(values.get(column) for column in columns)] for (_, name), values in rows.items()],
        own=len(rows) - theirs,
        gains=[*gains(paper), *own_gains(own)],
    )
