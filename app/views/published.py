"""The papers' tables."""

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.published import PublishedTable

view = VIEWS.add(Views("published", "compare", part="Published tables"))


@view("table", "A paper's table, with your runs below it")
def published(found: PublishedTable) -> Table:
    """Each figure as it is printed; one's own in points."""
    return Table(pd.DataFrame(found.rows, columns=found.columns))


@view("gains", "Gain over the baseline")
def published_gains(found: PublishedTable) -> Figure:
    """One group of bars per row, over the tasks."""
    groups: dict[str, dict[str, float]] = {}
    for row, task, gain in found.gains:
        groups.setdefault(row, {})[task] = gain
    tasks = list(dict.fromkeys(task for _, task, _ in found.gains))
    full = {row: {task: values.get(task, float("nan")) for task in tasks} for row, values in groups.items()}
    return Figure(figures.bars(full, "task", "gain (points of the first metric)"))
