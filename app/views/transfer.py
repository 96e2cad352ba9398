"""Whose adversarial texts fool whom."""

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.transfer import Transfer

view = VIEWS.add(Views("transfer", "compare", part="Transfer", several_models=True))


@view("matrix", "Whose adversarial texts fool whom")
def matrix(found: Transfer) -> Figure:
    """Found on (upwards) × shown to (across)."""
    values = [[share if share is not None else 0.0 for share in row] for row in found.fooled]
    names = [f"{place + 1}: {name}" for place, name in enumerate(found.models)]
    hover = "shown to %{customdata}<br>found on %{y}<br>fooled %{text:.1%}"
    made = figures.heatmap(names, names, values, "shown to", "found on", "fooled", hover)
    made.update_traces(zmax=1.0, texttemplate="%{text:.0%}")
    return Figure(made)
