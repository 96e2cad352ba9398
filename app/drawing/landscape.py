"""The landscape as contour lines and as a surface."""

import math
from typing import Any

import plotly.graph_objects as go

from app.drawing.figures import HEIGHT_SCALE, MARKERS, SERIES, figure
from engine.methods import get_method
from engine.sites import units


def _heights(found: Any, height: str) -> tuple[list[list[float]], str]:
    if height == "margin":
        return found.margin, "margin (logits)"
    return found.loss, "loss (nats)"


def _steps(name: str, path: list[dict[str, float]]) -> list[str]:
    return [
        f"{get_method(name).title}, step {step}<br>loss {at['loss']:.4g}, margin {at['margin']:.4g}<br>‖δ‖ {at['norm']:.3g}, {at['off']:.3g} off the plane"
        for step, at in enumerate(path)
    ]


def _ball(found: Any) -> tuple[list[float], list[float]]:
    """The cut of the ε ball with the plane: a circle."""
    angles = [2 * math.pi * turn / 120 for turn in range(121)]
    return [found.epsilon * math.cos(angle) for angle in angles], [found.epsilon * math.sin(angle) for angle in angles]


def contour(found: Any, height: str = "loss") -> go.Figure:
    """Contour lines with the ε ball (its cut with the plane is a circle) and the ascent paths."""
    values, title = _heights(found, height)
    made = figure(f"{found.horizontal} ({units(found.site)})", f"{found.vertical} ({units(found.site)})", 580)
    made.add_contour(
        x=found.axis,
        y=found.axis,
        z=values,
        colorscale=HEIGHT_SCALE,
        # Below: beside, on a phone, it would leave the plane no room.
        colorbar={
            "title": {"text": title, "side": "top"},
            "orientation": "h",
            "y": -0.2,
            "yanchor": "top",
            "thickness": 14,
        },
        ncontours=24,
        hovertemplate=f"a %{{x:.3g}}, b %{{y:.3g}}<br>{title} %{{z:.4g}}<extra></extra>",
    )
    across, up = _ball(found)
    made.add_scatter(
        x=across,
        y=up,
        mode="lines",
        name=f"ball, ε = {found.epsilon:g}",
        line={"color": "#ffffff", "dash": "dash", "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    for place, (name, path) in enumerate(found.paths.items()):
        made.add_scatter(
            x=[at["a"] for at in path],
            y=[at["b"] for at in path],
            mode="lines+markers",
            name=get_method(name).title,
            line={"color": SERIES[place + 1], "width": 3},
            marker={"symbol": MARKERS[place], "size": 9, "line": {"color": "#ffffff", "width": 1}},
            customdata=_steps(name, path),
            hovertemplate="%{customdata}<extra></extra>",
        )
    made.update_yaxes(scaleanchor="x", constrain="domain")
    made.update_xaxes(constrain="domain")
    return made


def surface(found: Any, height: str = "loss") -> go.Figure:
    """The same as a surface; the ball's edge on it, the paths at their own heights."""
    from scipy.interpolate import RegularGridInterpolator

    values, title = _heights(found, height)
    across, up = _ball(found)
    on_it = RegularGridInterpolator((found.axis, found.axis), values, bounds_error=False, fill_value=None)
    made = go.Figure()
    made.add_surface(
        x=found.axis,
        y=found.axis,
        z=values,
        colorscale=HEIGHT_SCALE,
        showscale=False,
        opacity=0.9,
        hovertemplate=f"a %{{x:.3g}}, b %{{y:.3g}}<br>{title} %{{z:.4g}}<extra></extra>",
    )
    made.add_scatter3d(
        x=across,
        y=up,
        z=on_it(list(zip(up, across, strict=True))).tolist(),
        mode="lines",
        name=f"ball, ε = {found.epsilon:g}",
        line={"color": "#ffffff", "width": 4},
        hoverinfo="skip",
        showlegend=False,
    )
    for place, (name, path) in enumerate(found.paths.items()):
        made.add_scatter3d(
            x=[at["a"] for at in path],
            y=[at["b"] for at in path],
            z=[at[height] for at in path],
            mode="lines+markers",
            name=get_method(name).title,
            line={"color": SERIES[place + 1], "width": 6},
            marker={"size": 4},
            customdata=_steps(name, path),
            hovertemplate="%{customdata}<extra></extra>",
        )
    made.update_layout(
        height=520,
        margin={"l": 0, "r": 0, "t": 30, "b": 0},
        legend={"orientation": "h", "y": 1.05, "x": 0},
        scene={
            "camera": {"eye": {"x": 1.9, "y": 1.9, "z": 1.3}, "center": {"x": 0, "y": 0, "z": -0.15}},
            "aspectmode": "cube",  # Else the axis with the largest numbers is the longest.
            "xaxis": {"title": {"text": f"a ({units(found.site)})", "font": {"size": 11}}},
            "yaxis": {"title": {"text": f"b ({units(found.site)})", "font": {"size": 11}}},
            "zaxis": {"title": {"text": title, "font": {"size": 11}}},
        },
    )
    return made
