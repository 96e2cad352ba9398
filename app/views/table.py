"""TextAT's table."""

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.table import LargestRows, TouchedRows
from engine.analysis.table_map import RowsMap

view = VIEWS.add(Views("table", "table"))

NORM = "‖Z[w]‖ (embedding units)"


@view("largest", "The largest rows of TextAT's table")
def largest(found: LargestRows) -> Figure:
    """One bar per row."""
    values = {f"{row.token} ({row.id})": row.norm for row in found.rows}
    hover = [f"{row.token}: met {row.count} times" for row in found.rows]
    made = figures.bars({"‖Z[w]‖": values}, "token", NORM, hover)
    made.update_xaxes(ticktext=[figures.escape(row.token) for row in found.rows], tickangle=-45)
    return Figure(made)


@view("growth", "How the largest rows grew")
def growth(found: LargestRows, *, count: int = 8) -> Figure:
    """‖Z[w]‖ over the training."""
    curves = {row.token: row.growth for row in found.rows[:count]}
    return Figure(figures.lines(curves, "optimiser step", NORM))


def hover_of(found: TouchedRows | RowsMap) -> list[str]:
    """What is said of every row when it is pointed at."""
    return [
        f"{token}\nmet {int(count)} times\n‖Z‖ {norm:.4g}"
        for token, count, norm in zip(found.token, found.count, found.norm, strict=True)
    ]


@view("frequency", "Norm of a row against how often its token was met")
def frequency(found: LargestRows) -> Figure:
    """All touched rows."""
    every = found.every
    return Figure(
        figures.scatter(
            every.count, every.norm, "times met in training", NORM, hover_of(every), colour=every.part, log=True,
            height=380,
        )
    )  # fmt: skip
