"""Where a model is right, and where not."""

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.slices import Slices

view = VIEWS.add(Views("slices", "perturb", part="A data set's examples"))


@view("accuracy", "Accuracy on parts of the data")
def accuracy(found: Slices) -> Figure:
    """A bar per slice with its exact 95 % interval."""
    names = {f"{each.kind} {each.name}".strip(): each for each in found.slices}
    hover = [
        f"{name}: {each.accuracy:.1%} of {each.count} ({each.low:.1%} to {each.high:.1%})"
        for name, each in names.items()
    ]
    made = figures.bars(
        {"accuracy": {name: each.accuracy for name, each in names.items()}}, "part of the data", "accuracy", hover
    )
    high, low = ([abs(getattr(each, end) - each.accuracy) for each in found.slices] for end in ("high", "low"))
    made.update_traces(error_y={"type": "data", "array": high, "arrayminus": low, "thickness": 1})
    made.update_yaxes(range=[0, 1.05], tickformat=".0%")
    made.update_xaxes(tickangle=-30)
    return Figure(made)


@view("confusion", "What is taken for what")
def confusion(found: Slices) -> Figure:
    """Labels (upwards) against what is said (across), in examples."""
    hover = "label %{y}<br>said %{customdata}<br>%{text} examples"
    made = figures.heatmap(found.labels, found.labels, found.confusion, "said", "label", "examples", hover)
    made.update_traces(texttemplate="%{text}" if len(found.labels) <= 8 else None)
    made.update_yaxes(type="category")
    return Figure(made)


@view("table", "Every part of the data in numbers")
def table(found: Slices) -> Table:
    """A row per slice."""
    return Table(pd.DataFrame([vars(each) for each in found.slices]))
