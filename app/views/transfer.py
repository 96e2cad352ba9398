"""Whose adversarial texts fool whom."""

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.transfer import Transfer

view = VIEWS.add(Views("transfer", "compare", part="Transfer", several_models=True))


@view("matrix", "Whose adversarial texts fool whom")
def matrix(found: Transfer) -> Figure:
    """Found on (upwards) × shown to (across)."""
    values = [[share if share is not None else float("nan") for share in row] for row in found.fooled]
    counts = [
        [
            "no text" if share is None else f"{round(share * count)} of {count}"
            for share, count in zip(row, shown, strict=True)
        ]
        for row, shown in zip(found.fooled, found.shown, strict=True)
    ]
    names = [f"{place}: {name[:18]}{'…' * (len(name) > 18)}" for place, name in enumerate(found.models, 1)]
    hover = "shown to %{customdata}<br>found on %{y}<br>fooled %{text}"
    made = figures.heatmap(names, names, values, "shown to", "found on", "fooled", hover)
    made.update_traces(zmax=1.0, text=counts, texttemplate="%{text}")
    return Figure(made)
