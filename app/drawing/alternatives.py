"""What a figure says, in words: for people who do not see it."""

from typing import Any

import plotly.graph_objects as go

MOST_SERIES = 6


def alternative(figure: go.Figure) -> str:
    """The axes, and of every series where it begins, ends and is highest (curves), or its highest and lowest bars or cells."""
    layout = figure.layout
    axes = [
        f"{word}: {axis.title.text}"
        for word, axis in (("across", layout.xaxis), ("upwards", layout.yaxis))
        if axis.title.text
    ]
    said = [each for each in map(_series, figure.data) if each]
    more = [f"and {len(said) - MOST_SERIES} more series"] if len(said) > MOST_SERIES else []
    return ". ".join([", ".join(axes).capitalize(), *said[:MOST_SERIES], *more]).strip(". ") + "."


def _series(trace: Any) -> str:
    name = f"{trace.name}: " if trace.name else ""
    marker = getattr(trace, "marker", None)
    if trace.hoverinfo == "skip" or (marker is not None and marker.opacity == 0):
        return ""
    if trace.type in ("heatmap", "contour", "surface"):
        text = getattr(trace, "text", None)
        rows = text if isinstance(text, (list, tuple)) and text and not isinstance(text[0], str) else trace.z
        cells = [(value, x, y) for y, row in enumerate(rows) for x, value in enumerate(row) if _is_number(value)]
        if not cells:
            return ""
        high, low = max(cells), min(cells)
        return (
            f"{name}highest {_number(high[0])} at {_cell(trace, high)}, lowest {_number(low[0])} at {_cell(trace, low)}"
        )
    points = [
        (x, y) for x, y in zip(_list(trace.x), _list(trace.y), strict=False) if _is_number(y)
    ]  # Where a line is broken there is None.
    if not points:
        return ""
    names = _list(trace.customdata) if trace.type == "bar" else []
    word = (
        {x: names[at] for at, (x, _) in enumerate(points)}
        if len(names) == len(points) and all(isinstance(each, str) for each in names)
        else {}
    )
    high, low = max(points, key=lambda point: point[1]), min(points, key=lambda point: point[1])

    def at(point: tuple[Any, Any]) -> str:
        return f"{_number(point[1])} at {word.get(point[0], _number(point[0]))}"

    if trace.type == "bar":
        return f"{name}{len(points)} bars, highest {at(high)}, lowest {at(low)}"
    if "lines" in (trace.mode or ""):
        peak = "" if high in (points[0], points[-1]) else f", highest {at(high)}"
        return f"{name}from {at(points[0])} to {at(points[-1])}{peak}"
    return f"{name}{len(points)} points, highest {at(high)}, lowest {at(low)}"


def _list(values: Any) -> list[Any]:
    return [] if values is None else list(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _cell(trace: Any, cell: tuple[Any, int, int]) -> str:
    _, x, y = cell
    names = trace.customdata[y] if isinstance(trace.customdata, (list, tuple)) else None
    across = names[x] if names is not None and isinstance(names[x], str) else _number(_list(trace.x)[x])
    return f"{across}, {_number(_list(trace.y)[y])}"
