"""What is certain at least, and what an attack leaves at most."""

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
    made = figure(f"ε (Frobenius per sentence, {units(found.site)})", "accuracy", 420)
    across = [at.epsilon for at in found.curve]
    for place, (name, values) in enumerate(
        {
            "certified: it is at least that": [at.certified for at in found.curve],
            "attacked: it is at most that": [at.attacked for at in found.curve],
            "the model itself, attacked": [at.model_attacked for at in found.curve],
        }.items()
    ):
        made.add_scatter(
            x=across, y=values, name=name, mode="lines+markers", line={**line_style(place), "width": 2 if place < 2 else 1},
            fill="tonexty" if place == 1 else None, fillcolor="rgba(136,136,136,0.2)",
            hovertemplate=f"{name}<br>ε %{{x:.4g}}<br>accuracy %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    if found.most < across[-1]:
        made.add_scatter(
            x=[found.most, found.most], y=[0, 1], mode="lines", line={"color": "#888888", "width": 1, "dash": "dot"},
            name="as far as these votes can certify", hoverinfo="skip",
        )  # fmt: skip
    made.update_yaxes(range=[-0.02, 1.02])
    return Figure(made)


@view("sentences", "Each sentence: certified radius, and the ε at which the attack changes the answer")
def sentences(found: Sandwich) -> Figure:
    """A bar from one to the other per sentence that the votes get right; open where no attack of the grid changes it."""
    right = [each for each in found.sentences if each.right]
    most = max([at.epsilon for at in found.curve] + [each.radius for each in right])
    places = list(range(len(right)))
    made = figure(f"ε (Frobenius, {units(found.site)})", "sentence", max(240, 34 * len(right) + 120))
    for place, each in zip(places, right, strict=True):
        end = most if each.flips is None else each.flips
        made.add_scatter(
            x=[each.radius, max(end, each.radius)], y=[place, place], mode="lines", showlegend=False, hoverinfo="skip",
            line={"color": "rgba(136,136,136,0.45)", "width": 8, "dash": "solid"},
        )  # fmt: skip
    hover = [escape(each.text[:90]) for each in right]
    _points(made, [each.radius for each in right], places, "certified up to", SERIES[0], "circle", hover)
    fallen = [place for place in places if right[place].flips is not None]
    flips = [float(right[place].flips or 0.0) for place in fallen]
    _points(made, flips, fallen, "another answer at", SERIES[1], "x", [hover[at] for at in fallen])
    made.update_yaxes(
        tickvals=places, ticktext=[escape(each.text[:38]) + "…" * (len(each.text) > 38) for each in right]
    )
    made.update_xaxes(range=[-0.03 * most, 1.05 * most])
    return Figure(made)


def _points(
    made: go.Figure, across: list[float], up: list[int], name: str, colour: str, symbol: str, hover: list[str]
) -> None:
    made.add_scatter(
        x=across, y=up, mode="markers", name=name, marker={"color": colour, "symbol": symbol, "size": 10}, customdata=hover,
        hovertemplate=f"%{{customdata}}<br>{name} ε = %{{x:.4g}}<extra></extra>",
    )  # fmt: skip
