"""One's own runs on the papers' tasks, put into the columns of a published table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from engine.data.glue import LAYOUTS, PREFIX, glue_name
from engine.runs.config import is_pretraining
from engine.runs.run import Run, marked
from engine.runs.store import Store
from engine.studies.published import published
from engine.studies.results import mark_of


@dataclass(frozen=True)
class OwnResult:
    """Completed runs of one method, model and length on one task.

    Attributes:
        row: what the row is called.
        column: of the published table.
        task: of the published table.
        method: of the runs.
        model: of the runs.
        steps: optimiser steps.
        values: the median of each metric that the papers print for the task, in points.
        runs: how many.
    """

    row: str
    column: str
    task: str
    method: str
    model: str
    steps: int
    values: tuple[float, ...]
    runs: int


def own_results(table: str, runs: Sequence[Run] | None = None) -> list[OwnResult]:
    """What there is for a table's columns: runs on `glue/TASK` (their validation split), by task, method, model, length."""
    columns = {(each.column, each.task): None for each in published() if each.table == table and each.task}
    groups: dict[tuple[str, str, str, str, int], list[Run]] = {}
    for run in Store().all() if runs is None else runs:
        name = glue_name(run.config["dataset"])[0]
        wanted = run.status == "completed" and not is_pretraining(run.config["method"])
        if not wanted or not run.config["dataset"].startswith(PREFIX) or name not in LAYOUTS:
            continue
        if (at := _column(name, list(columns))) is not None:
            key = (*at, run.config["method"], run.config["model"], run.step)
            groups.setdefault(key, []).append(run)
    found = []
    for (column, task, method, model, steps), members in groups.items():
        metrics = [name for name in _metrics(members[0]) if all(name in run.metrics for run in members)]
        values = tuple(100 * median(float(run.metrics[name]) for run in members) for name in metrics)
        row = marked(f"yours: {method}, {Path(model).name}, {steps} steps", mark_of(members))
        found.append(OwnResult(row, column, task, method, model, steps, values, len(members)))
    return sorted(found, key=lambda each: (each.model, each.steps, each.method != "vanilla", each.method))


def _metrics(run: Run) -> tuple[str, ...]:
    return LAYOUTS[glue_name(run.config["dataset"])[0]].metrics


def _column(name: str, columns: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The table's column for a task of ours: where it has several, the one for the same split."""
    title = LAYOUTS[name].title
    same = [each for each in columns if each[1] == re.sub(r"-mm?$", "", title)]
    if name.startswith("mnli"):
        exact = [each for each in same if re.search(rf"{title}\b(?!/)", each[0])]
        both = [each for each in same if "/" in each[0] or not re.search(r"-mm?\b", each[0])]
        same = exact or (both if name == "mnli" else [])
    return next((each for each in same if "dev" in each[0]), same[0] if same else None)


def own_gains(results: Sequence[OwnResult]) -> list[tuple[str, str, float]]:
    """(row, task, gain of the first metric in points) over one's own vanilla runs of the same model and length."""
    base = {(each.column, each.model, each.steps): each.values[0] for each in results if each.method == "vanilla"}
    return [
        (each.row, each.task, round(each.values[0] - base[key], 2))
        for each in results
        if each.method != "vanilla" and (key := (each.column, each.model, each.steps)) in base
    ]
