"""Interval bounds of the teaching model, trained plainly and for tight bounds."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.drawing.figures import figure, line_style
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.intervals import Intervals

view = VIEWS.add(
    Views("intervals", "compare", part="Bounds by intervals", names={"candidates": "intervals-candidates"})
)
AXIS = "similar words that each word may become"


@view("bounds", "Accuracy of the teaching model: certified by intervals below, attacked above")
def bounds(found: Intervals) -> Figure:
    """Two lines per way of training, the gap between them shaded."""
    made = figure(AXIS, "accuracy", 420)
    _two_lines(made, found.curve, "certified", "accuracy %{y:.3f}", filled=True)
    made.update_yaxes(range=[-0.02, 1.02])
    return Figure(made)


@view("margin", "One text: the margin of the answer, and how low it can fall")
def margin(found: Intervals) -> Figure:
    """The least margin that an attack finds and the bound below it; under 0 the answer is another."""
    made = figure(AXIS, "margin (logits)", 360)
    _two_lines(made, found.sentence, "bound", "margin %{y:.3g}", filled=False)
    made.add_hline(y=0, line={"color": "#888888", "width": 1, "dash": "dash"})
    return Figure(made)


def _two_lines(made: go.Figure, curve: Sequence[Any], low: str, hover: str, *, filled: bool) -> None:
    """What is certain (the field `low`) and what the attack leaves, a pair of lines for each way of training. They are steps: a bound
    holds for fewer similar words, what an attack finds for more.
    """
    for place, trained in enumerate(dict.fromkeys(at.trained for at in curve)):
        points = [at for at in curve if at.trained == trained]
        colour = line_style(place)["color"]
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        for name, dash in ((low, "dot"), ("attacked", "solid")):
            made.add_scatter(
                x=[at.candidates for at in points], y=[getattr(at, name) for at in points], name=f"{trained}: {name}",
                mode="lines+markers", line={"color": colour, "dash": dash, "shape": "vh" if name == low else "hv"},
                fill="tonexty" if filled and name == "attacked" else None, fillcolor=f"rgba({red},{green},{blue},0.15)",
                hovertemplate=f"{trained}, {name}<br>%{{x}} similar words<br>{hover}<extra></extra>",
            )  # fmt: skip
