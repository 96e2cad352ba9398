"""Figures, as Plotly, and the token strip, as escaped HTML. Colours: Okabe–Ito for series, one hue for amounts."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale, unlabel_rgb

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#999999")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
AMOUNT = "YlOrBr"  # Its lightness falls steadily: readable without seeing hues, and in grey.
HEIGHT = 300


def figure(x: str, y: str, **layout: Any) -> go.Figure:
    """An empty figure with axis titles."""
    made = go.Figure()
    made.update_layout(
        height=HEIGHT,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        legend={"orientation": "h", "y": 1.12, "x": 0},
        hovermode="closest",
        **layout,
    )
    made.update_xaxes(title=x, automargin=True)
    made.update_yaxes(title=y, automargin=True)
    return made


def lines(
    curves: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str, *, marker_at: int | None = None
) -> go.Figure:
    """One line per name over shared axes; a dotted line marks `marker_at`."""
    made = figure(x, y)
    for place, (name, points) in enumerate(curves.items()):
        made.add_scatter(
            x=[point[0] for point in points],
            y=[point[1] for point in points],
            name=escape(name),
            mode="lines+markers" if len(points) <= 40 else "lines",
            line={"color": SERIES[place % len(SERIES)], "dash": DASHES[place // len(SERIES) % len(DASHES)]},
            hovertemplate=f"{escape(name)}<br>{x} %{{x}}<br>{y} %{{y:.4g}}<extra></extra>",
        )
    if marker_at is not None:
        made.add_vline(x=marker_at, line={"dash": "dot", "color": "#888888"})
    made.update_layout(showlegend=len(curves) > 1)
    return made


def bars(values: Mapping[str, float], x: str, y: str, hover: Sequence[str] = ()) -> go.Figure:
    """One bar per name."""
    made = figure(x, y)
    names = [escape(name) for name in values]
    made.add_bar(
        x=list(range(len(names))),
        y=list(values.values()),
        marker_color=SERIES[0],
        customdata=[escape(text) for text in hover] or names,
        hovertemplate="%{customdata}<br>" + y + " %{y:.4g}<extra></extra>",
    )
    made.update_xaxes(tickvals=list(range(len(names))), ticktext=names)
    return made


def token_heatmap(tokens: Sequence[str], norms: Sequence[Sequence[float]]) -> go.Figure:
    """‖δ^i‖ for every token (across) and ascent step (upwards)."""
    made = figure("token", "ascent step")
    places = list(range(len(tokens)))
    names = [escape(token) for token in tokens]
    made.add_heatmap(
        z=norms,
        x=places,
        y=list(range(len(norms))),
        colorscale=AMOUNT,
        zmin=0,
        customdata=[names for _ in norms],
        colorbar={"title": "‖δ‖"},
        hovertemplate="%{customdata}<br>step %{y}<br>‖δ‖ %{z:.4g} (embedding units)<extra></extra>",
    )
    made.update_xaxes(tickvals=places, ticktext=names, tickangle=-45)
    made.update_yaxes(dtick=1)
    made.update_layout(height=max(220, 34 * len(norms) + 150))
    return made


def _chip(colour: str, text: str, title: str, faded: bool) -> str:
    red, green, blue = unlabel_rgb(colour)
    ink = "#111" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#fff"
    style = f"background:{colour};color:{ink};border-radius:4px;padding:3px 5px;margin:2px 1px;display:inline-block"
    style += ";font-style:italic;font-size:85%" if faded else ""
    return f'<span data-token style="{style}" title="{escape(title)}">{escape(text)}</span>'


def token_strip(
    tokens: Sequence[str], values: Sequence[float], largest: float, titles: Sequence[str], faded: Sequence[bool]
) -> str:
    """Tokens side by side, each on a ground as dark as its value; every text in it is escaped.

    Args:
        largest: the value of the darkest ground, kept the same over the steps so that they can be compared.

    """
    shares = [min(1.0, value / largest) if largest else 0.0 for value in values]
    colours = sample_colorscale(AMOUNT, shares) if shares else []
    chips = "".join(
        _chip(colour, token, title, dim)
        for colour, token, title, dim in zip(colours, tokens, titles, faded, strict=True)
    )
    ramp = ",".join(sample_colorscale(AMOUNT, [place / 8 for place in range(9)]))
    legend = (
        '<div style="display:flex;align-items:center;gap:8px;font-size:80%;margin-top:8px"><span>‖δ‖ 0</span>'
        f'<span style="width:180px;height:10px;border-radius:5px;background:linear-gradient(to right,{ramp})"></span>'
        f"<span>{largest:.3g} embedding units</span></div>"
    )
    return f'<div style="line-height:2.1;font-size:1.15rem">{chips}</div>{legend}'
