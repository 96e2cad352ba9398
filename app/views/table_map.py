"""A map of TextAT's table."""

import math
from typing import Any

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from app.views.table import hover_of
from engine.analysis.table_map import RowsMap

view = VIEWS.add(Views("table map", "table"))


@view("map", "A map of the rows")
def rows_map(found: RowsMap, *, colour: str = "norm") -> Figure:
    """UMAP of the rows met most often."""
    values: dict[str, list[Any]] = {
        "norm": list(found.norm),
        "frequency": [math.log10(count) for count in found.count],
        "part": found.part,
    }
    title = {"norm": "‖Z[w]‖", "frequency": "log₁₀ times met", "part": ""}[colour]
    return Figure(
        figures.scatter(
            found.x, found.y, "UMAP 1 (no unit)", "UMAP 2 (no unit)", hover_of(found), colour=values[colour],
            colour_title=title,
        )
    )  # fmt: skip
