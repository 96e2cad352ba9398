"""One row of TextAT's table."""

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from app.views.table import NORM
from engine.analysis.token import TokenRow

view = VIEWS.add(Views("token", "table"))


@view("growth", "How one row grew")
def token_growth(found: TokenRow) -> Figure:
    """‖Z[w]‖ of one token over the training."""
    return Figure(figures.lines({found.token: found.growth}, "optimiser step", NORM))


@view("neighbours", "A token's neighbours in three spaces")
def neighbours(found: TokenRow) -> Table:
    """The nearest tokens in Z, among the embeddings, and in their sum."""
    columns = {
        f"nearest in {space}": [f"{token} ({distance:.3g})" for token, distance in near]
        for space, near in found.neighbours.items()
    }
    return Table(pd.DataFrame(columns))
