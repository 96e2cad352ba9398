"""Panels one below another over one axis."""

from collections.abc import Collection, Mapping, Sequence

import plotly.graph_objects as go

from app.drawing.figures import escape, figure, line_mode, line_style

PANEL = 170  # Height of one of them.


def stacked(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], x: str, log: Collection[str] = ()
) -> go.Figure:
    """Panels of lines, one below another: {title of y: {name: points}}. What lies under the pointer is read in all at once.

    `log`: the titles of those whose axis follows powers of ten.
    """
    many, gap = max(1, len(panels)), 0.03
    made = figure(x, "", 60 + PANEL * many, hovermode="x", hoversubplots="axis")
    places = {
        name: place for place, name in enumerate(dict.fromkeys(name for each in panels.values() for name in each))
    }
    unseen = set(places)
    for row, (title, curves) in enumerate(panels.items()):
        number = str(row + 1) if row else ""
        high = 1 - row / many
        made.update_layout({f"yaxis{number}": {
            "domain": [max(0.0, high - 1 / many + gap * (row < many - 1)), high], "title": {"text": title.replace(" (", "<br>("), "font": {"size": 12}},
            "automargin": True, "exponentformat": "power", "type": "log" if title in log else "linear",
            "nticks": 5,
        }})  # fmt: skip
        for name, points in curves.items():
            made.add_scatter(
                x=[point[0] for point in points], y=[point[1] for point in points], yaxis=f"y{number}", name=escape(name),
                legendgroup=name, showlegend=len(places) > 1 and name in unseen, line=line_style(places[name]),
                mode=line_mode(points), hovertemplate=f"{escape(name)} %{{y:.4g}}<extra></extra>",
            )  # fmt: skip
            unseen.discard(name)
    # All panels are on this one axis: only so is the pointer one.
    made.update_xaxes(anchor=f"y{many if many > 1 else ''}")
    return made
