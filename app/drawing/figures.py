"""Figures, as Plotly. Colours: Okabe–Ito for series, steadily darkening scales for amounts; every text is escaped."""

import math
from collections.abc import Mapping, Sequence
from html import escape as escape
from typing import Any

import plotly.graph_objects as go

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#999999")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
PATTERNS = ("", "/", ".", "x", "-", "\\", "+", "|")  # Of bars: told apart without hues, and in print.
MARKERS = ("circle", "diamond", "square", "triangle-up", "x", "cross")
AMOUNT = "YlOrBr"  # Its lightness falls steadily: readable without seeing hues, and in grey.
HEIGHT_SCALE = "Cividis"  # Made for colour-blind readers.
HEIGHT = 300
MOST_TOKENS = 60  # That a figure names side by side.


def figure(x: str, y: str, height: int = HEIGHT, **layout: Any) -> go.Figure:
    """An empty figure with axis titles."""
    made = go.Figure()
    made.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **{"hovermode": "closest", **layout},
    )
    made.update_xaxes(title=x, automargin=True, exponentformat="power")
    made.update_yaxes(title=y, automargin=True, exponentformat="power")
    return made


def line_style(place: int) -> dict[str, str]:
    """Colour and dash of series number `place`."""
    return {"color": SERIES[place % len(SERIES)], "dash": DASHES[place % len(DASHES)]}


def line_mode(points: Sequence[tuple[float, float]]) -> str:
    """How a line is drawn: few points are marked."""
    return "lines+markers" if len(points) <= 40 else "lines"


def lines(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    x: str,
    y: str,
    *,
    bands: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    beside: Mapping[str, str] | None = None,
    log: bool = False,
) -> go.Figure:
    """One line per name over shared axes.

    Args:
        bands: (low, high) at each of a line's points. beside: name → the line that it belongs to, whose colour it has, thin and
            dotted. log: both axes.
    """
    made, own = figure(x, y), [name for name in curves if name not in (beside or {})]
    for name, points in curves.items():
        across = [point[0] for point in points]
        style: dict[str, Any] = dict(line_style(own.index((beside or {}).get(name, name))))
        if beside and name in beside:
            style |= {"dash": "dot", "width": 1.2}
        if bands and name in bands:
            low, high = zip(*bands[name], strict=True)
            red, green, blue = (int(style["color"][at : at + 2], 16) for at in (1, 3, 5))
            made.add_scatter(
                x=[*across, *across[::-1]],
                y=[*high, *low[::-1]],
                mode="lines",  # Few points would get markers.
                fill="toself",
                fillcolor=f"rgba({red},{green},{blue},0.18)",
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        made.add_scatter(
            x=across,
            y=[point[1] for point in points],
            name=escape(name),
            mode=line_mode(points),
            line=style,
            hovertemplate=f"{escape(name)}<br>{x} %{{x:.4g}}<br>{y} %{{y:.4g}}<extra></extra>",
        )
    most = max((point[0] for points in curves.values() for point in points), default=0.0)
    if x == "ascent step" and most <= 12:
        made.update_xaxes(dtick=1)  # There is no half a step.
    if log:
        made.update_xaxes(type="log", exponentformat="power", dtick=1)
        made.update_yaxes(type="log", exponentformat="power")
    elif all(len(points) == 1 for points in curves.values()):  # Plotly would draw a whole unit to each side.
        made.update_xaxes(tickvals=[most])
    # Of a constant Plotly would draw one unit up and down.
    if len({point[1] for points in curves.values() for point in points}) == 1:
        made.update_yaxes(rangemode="tozero")
    made.update_layout(showlegend=len(curves) > 1)
    return made


def bars(groups: Mapping[str, Mapping[str, float]], x: str, y: str, hover: Sequence[str] = ()) -> go.Figure:
    """One bar per name, side by side for several groups: {group: {name: value}}. Names may repeat once numbered."""
    made = figure(x, y)
    for place, (group, values) in enumerate(groups.items()):
        names = [escape(name) for name in values]
        made.add_bar(
            x=list(range(len(names))),
            y=list(values.values()),
            name=escape(group),
            marker={
                "color": SERIES[place % len(SERIES)],
                "pattern": {"shape": PATTERNS[place % len(PATTERNS)], "fillmode": "replace"},
            },
            customdata=[escape(text) for text in hover] or names,
            hovertemplate=f"%{{customdata}}<br>{escape(group)} %{{y:.4g}}<extra></extra>",
        )
        made.update_xaxes(tickvals=list(range(len(names))), ticktext=names)
    made.update_layout(barmode="group", showlegend=len(groups) > 1)
    return made


def heatmap(
    across: Sequence[str],
    upwards: Sequence[str],
    values: Sequence[Sequence[float]],
    x: str,
    y: str,
    what: str,
    hover: str,
    *,
    log: bool = False,
) -> go.Figure:
    """Amounts from 0 on over two rows of names; `hover` is a template in which `customdata` is the name across and `text` the
    amount.

    `log`: the colours follow powers of ten; where nothing is there the ground shows.
    """
    powers = [[math.log10(value) if value > 0 else None for value in row] for row in values] if log else None
    ticks = list(range(-6, 4))
    made = figure(x, y, max(220, 34 * len(upwards) + 150))
    places, names = list(range(len(across))), [escape(name) for name in across]
    made.add_heatmap(
        z=powers or values,
        x=places,
        y=list(upwards),
        colorscale=AMOUNT,
        zmin=None if log else 0,
        zmax=1 if not log and not any(map(any, values)) else None,  # Nothing is drawn as nothing.
        text=values,
        customdata=[names for _ in values],
        colorbar={"title": what} | ({"tickvals": ticks, "ticktext": [f"{10.0**at:g}" for at in ticks]} if log else {}),
        hoverongaps=False,
        hovertemplate=f"{hover}<extra></extra>",
    )
    apart = max(1, math.ceil(len(across) / MOST_TOKENS))  # More names than that are a smear.
    made.update_xaxes(tickvals=places[::apart], ticktext=names[::apart], tickangle=-45)
    return made


def histogram(groups: Mapping[str, Sequence[float]], x: str, *, log: bool = False) -> go.Figure:
    """How often which value occurs; `log`: bins of equal width in powers of ten (values of 0 are left out)."""
    import numpy as np

    made = figure(x, "examples")
    positive = [value for values in groups.values() for value in values if value > 0 or not log]
    if not positive:
        return made
    low, high = (np.log10(min(positive)), np.log10(max(positive))) if log else (min(positive), max(positive))
    edges = np.linspace(low, high if high > low else low + 1, 31)
    for place, (name, values) in enumerate(groups.items()):
        data = np.log10([value for value in values if value > 0]) if log else np.asarray(values)
        counts = np.pad(np.histogram(data, bins=edges)[0], 1)  # An empty bin at each end: the outline comes down to 0.
        width = edges[1] - edges[0]
        middles = np.append(edges - width / 2, edges[-1] + width / 2)
        made.add_scatter(
            x=10**middles if log else middles,
            y=counts,
            name=escape(name),
            mode="lines",
            line={**line_style(place), "shape": "hvh"},
            fill="tozeroy",
            hovertemplate=f"{escape(name)}<br>{x} about %{{x:.3g}}<br>%{{y}} examples<extra></extra>",
        )
    if log:
        made.update_xaxes(type="log", exponentformat="power")
    made.update_layout(showlegend=len(groups) > 1)
    return made


def scatter(
    x: Sequence[float],
    y: Sequence[float],
    x_title: str,
    y_title: str,
    hover: Sequence[str],
    *,
    colour: Sequence[Any] | None = None,
    colour_title: str = "",
    log: bool = False,
    height: int = 480,
) -> go.Figure:
    """Points; `colour` gives floats (a scale) or anything else (a colour and a marker for each)."""
    made = figure(x_title, y_title, height)
    texts = [escape(text).replace("\n", "<br>") for text in hover]
    numeric = colour is not None and all(isinstance(value, float) for value in colour)
    if colour is None or numeric:
        marker: dict[str, Any] = {"size": 7, "color": SERIES[0], "opacity": 0.8}
        if numeric:
            marker |= {"color": colour, "colorscale": HEIGHT_SCALE, "showscale": True}
            marker["colorbar"] = {"title": colour_title}
            marker["line"] = {"width": 0.5, "color": "rgba(136,136,136,0.7)"}  # The scale's ends are near the grounds.
        made.add_scattergl(
            x=x, y=y, mode="markers", marker=marker, customdata=list(zip(range(len(texts)), texts, strict=True)),
            hovertemplate="%{customdata[1]}<extra></extra>", showlegend=False,
        )  # fmt: skip
    else:
        assert colour is not None
        names = list(dict.fromkeys(colour))
        for name in sorted(names, key=lambda each: -list(colour).count(each)):  # Few points lie over many.
            place = names.index(name)
            chosen = [at for at, value in enumerate(colour) if value == name]
            made.add_scattergl(
                x=[x[at] for at in chosen],
                y=[y[at] for at in chosen],
                mode="markers",
                name=escape(str(name)),
                marker={
                    "size": 7,
                    "color": SERIES[place % len(SERIES)],
                    "symbol": MARKERS[place % len(MARKERS)],
                    "opacity": 0.8,
                },
                customdata=[(at, texts[at]) for at in chosen],
                hovertemplate="%{customdata[1]}<extra></extra>",
            )
    if log:
        made.update_xaxes(type="log", exponentformat="power")
        made.update_yaxes(type="log", exponentformat="power")
    return made
