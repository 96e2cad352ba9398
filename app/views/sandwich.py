"""What is certain at least, and what an attack leaves at most."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from app.drawing.figures import SERIES, escape, figure, line_style
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.sandwich import Sandwich
from engine.sites import units

view = VIEWS.add(Views("sandwich", "compare", part="Between two bounds"))


@view("bounds", "Accuracy against ε: between certificate and attack lies the truth")
def bounds(found: Sandwich) -> Figure:
    """The smoothed classifier's two curves with the gap shaded; the model itself under attack as a thin line."""
    across = [at.epsilon for at in found.curve]
    made = two_bounds(across, found.curve, f"ε (Frobenius per sentence, {units(found.site)})", "ε")
    if found.most < across[-1]:
        made.add_scatter(
            x=[found.most, found.most], y=[0, 1], mode="lines", line={"color": "#888888", "width": 1, "dash": "dot"},
            name="as far as these votes can certify", hoverinfo="skip",
        )  # fmt: skip
    return Figure(made)


@view("sentences", "Each sentence: certified radius, and the ε at which the attack changes the answer")
def sentences(found: Sandwich) -> Figure:
    """A bar from one to the other per sentence that the votes get right; open where no attack of the grid changes it."""
    rows = [Bar(each.text, each.radius, each.flips) for each in found.sentences if each.right]
    most = max([at.epsilon for at in found.curve] + [each.low for each in rows])
    return Figure(bars(rows, most, f"ε (Frobenius, {units(found.site)})", "ε"))


def two_bounds(across: Sequence[float], curve: Sequence[Any], axis: str, short: str) -> go.Figure:
    """Certified and attacked accuracy of points, with the gap shaded.

    They are steps: what is certified at a point holds for all that is less, what an attack leaves there for all that is more.

    Args:
        curve: points with `certified`, `attacked` and `model_attacked`. short: of the axis, for hovering.
    """
    made = figure(axis, "accuracy", 420)
    for place, (name, values) in enumerate(
        {
            "certified: it is at least that": [at.certified for at in curve],
            "attacked: it is at most that": [at.attacked for at in curve],
            "the model itself, attacked": [at.model_attacked for at in curve],
        }.items()
    ):
        made.add_scatter(
            x=across, y=values, name=name, mode="lines+markers",
            line={**line_style(place), "width": 2 if place < 2 else 1, "shape": "hv" if place else "vh"},
            fill="tonexty" if place == 1 else None, fillcolor="rgba(136,136,136,0.2)",
            hovertemplate=f"{name}<br>{short} %{{x:.4g}}<br>accuracy %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    made.update_yaxes(range=[-0.02, 1.02])
    if len(across) == 1:  # Plotly would draw a whole unit to each side.
        made.update_xaxes(tickvals=list(across))
        made.update_traces(mode="markers", marker={"size": 10, "symbol": "line-ew-open"})
    return made


class Bar(NamedTuple):
    """One sentence: what is certified, and where the attack changes the answer (None: nowhere)."""

    text: str
    low: float
    high: float | None


def bars(rows: Sequence[Bar], most: float, axis: str, short: str) -> go.Figure:
    """A bar per sentence from one to the other; up to `most` where the attack changes nothing."""
    made = figure(axis, "sentence", max(240, 34 * len(rows) + 120))
    for place, each in enumerate(rows):
        end = most if each.high is None else each.high
        made.add_scatter(
            x=[each.low, max(end, each.low)], y=[place, place], mode="lines", showlegend=False, hoverinfo="skip",
            line={"color": "rgba(136,136,136,0.45)", "width": 8, "dash": "solid"},
        )  # fmt: skip
    everywhere = list(enumerate(rows))
    fallen = [(place, each) for place, each in everywhere if each.high is not None]
    for found, value, name, colour, symbol in (
        (everywhere, lambda each: each.low, "certified up to", SERIES[0], "circle"),
        (fallen, lambda each: each.high, "another answer at", SERIES[1], "x"),
    ):
        made.add_scatter(
            x=[value(each) for _, each in found], y=[place for place, _ in found], mode="markers", name=name,
            marker={"color": colour, "symbol": symbol, "size": 10}, customdata=[escape(each.text[:90]) for _, each in found],
            hovertemplate=f"%{{customdata}}<br>{name} {short} = %{{x:.4g}}<extra></extra>",
        )  # fmt: skip
    made.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[escape(each.text[:38]) + "…" * (len(each.text) > 38) for each in rows],
    )
    made.update_xaxes(range=[-0.03 * most, 1.05 * most])
    return made
