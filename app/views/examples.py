"""A data set's examples."""

from app.drawing.shown import Table
from app.views import VIEWS, Views
from engine.analysis.examples import Examples

view = VIEWS.add(Views("examples", "perturb", part="A data set's examples"))


@view("table", "A data set's examples")
def examples(found: Examples) -> Table:
    """Loss, margin, prediction, ℓₛ and flip ε of every example."""
    return Table(found.table.rename(columns={"flip_epsilon": "flip ε", "smoothness": "ℓₛ"}))
