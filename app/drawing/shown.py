"""What an analysis looks like: a figure, token strips or a table; as JSON, so that it can be kept, compared and sent."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.drawing.jsonable import jsonable
from app.drawing.strips import Frame, Strip, Strips, stepped, strips_from
from engine.errors import UserError

__all__ = ["Figure", "Frame", "Shown", "Strip", "Strips", "Table", "difference", "enlarged", "shown_from", "stepped"]

HEIGHT_ON_A_WALL, SIZE_ON_A_WALL = 560, 20  # Of a figure and its letters, where a notebook is presented, in px.
MOST_ROWS = 1000
TRACES = {"scatter", "scattergl", "scatter3d", "bar", "heatmap", "contour", "surface"}
# The little that Plotly's labels need; all else of an imported figure's markup becomes text.
_MARKUP = re.compile(r"<(?!/?(?:br|extra|b|i|sub|sup)\s*/?>)")


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return _MARKUP.sub("&lt;", value)
    if isinstance(value, dict):
        return {key: _harmless(each) for key, each in value.items()}
    return [_harmless(each) for each in value] if isinstance(value, list) else value


def _listed(values: Any) -> list[Any]:
    """An axis's values, which Plotly keeps as bytes where they were an array."""
    if not isinstance(values, dict):
        return list(values)
    found = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    shape = [int(each) for each in str(values.get("shape", found.size)).split(",")]
    return list(found.reshape(shape).tolist())


def _named(values: Any, axis: Any) -> list[Any]:
    """Places on an axis by what stands there."""
    names = dict(zip(axis.tickvals or (), axis.ticktext or (), strict=False))
    return [names.get(value, value) for value in values] if names else list(values)


@dataclass(frozen=True)
class Figure:
    """A Plotly figure."""

    figure: go.Figure

    def document(self) -> dict[str, Any]:
        """As JSON."""
        made = self.figure.to_dict()
        layout = {key: value for key, value in made["layout"].items() if key != "template"}
        return {"kind": "figure", "data": jsonable(made["data"]), "layout": jsonable(layout)}

    def table(self) -> pd.DataFrame:
        """Its data: one row per point, with the name of its series."""
        parts = []
        for place, trace in enumerate(self.document()["data"]):
            if trace.get("marker", {}).get("opacity") == 0:  # Drawn to be clicked: its numbers are the heat map's.
                continue
            name = trace.get("name") or (trace["type"] if len(self.figure.data) > 1 else "")
            if trace["type"] in ("heatmap", "contour", "surface"):
                cells = [
                    (name or f"series {place + 1}", x, y, value)
                    for y, row in zip(_listed(trace["y"]), _listed(trace["z"]), strict=True)
                    for x, value in zip(_listed(trace["x"]), row, strict=True)
                ]
                parts.append(pd.DataFrame(cells, columns=["series", "x", "y", "z"]))
            else:
                columns = {axis: _listed(trace[axis]) for axis in "xyz" if trace.get(axis) is not None}
                columns |= {"x": _named(columns["x"], self.figure.layout.xaxis)} if "x" in columns else {}
                parts.append(pd.DataFrame({"series": name, **columns}))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _repr_mimebundle_(self, *arguments: Any, **keywords: Any) -> Any:
        return self.figure._repr_mimebundle_(*arguments, **keywords)


@dataclass(frozen=True)
class Table:
    """Rows of plain values."""

    frame: pd.DataFrame = field(repr=False)

    def document(self) -> dict[str, Any]:
        """As JSON, its first 1,000 rows."""
        kept = self.frame.head(MOST_ROWS)
        return {
            "kind": "table",
            "columns": [str(name) for name in kept.columns],
            "rows": jsonable(kept.to_numpy().tolist()),
        }

    def table(self) -> pd.DataFrame:
        """All rows."""
        return self.frame

    def _repr_html_(self) -> str:
        return str(self.frame._repr_html_())


Shown = Figure | Strips | Table


def shown_from(document: dict[str, Any]) -> Shown:
    """What was kept, to be shown again. What an imported file may have put there is made harmless.

    Raises:
        UserError: it is none of the three kinds.
    """
    try:
        kind = document["kind"]
        if kind == "figure":
            data = [_harmless(each) for each in document["data"] if each["type"] in TRACES]
            layout = {key: value for key, value in _harmless(document["layout"]).items() if key != "images"}
            return Figure(go.Figure({"data": data, "layout": layout}))
        if kind == "strips":
            return strips_from(document)
        if kind == "table":
            return Table(pd.DataFrame(document["rows"], columns=[str(name) for name in document["columns"]]))
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise UserError("This cell's kept result cannot be read: run the cell again.")


def _numbers(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _numbers(each, f"{at}.{key}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _numbers(each, f"{at}[{place}]")
    else:
        yield at, value


RELATIVE, ABSOLUTE = 1e-3, 1e-6
# What a figure says in numbers; hover texts repeat them rounded.
_SAYS = ("x", "y", "z", "name", "type")


def _content(document: dict[str, Any]) -> Any:
    if document["kind"] == "figure":
        return [{key: trace[key] for key in _SAYS if trace.get(key) is not None} for trace in document["data"]]
    if document["kind"] == "strips":
        return [{name: each.get(name, []) for name in ("tokens", "values", "marks")} for each in document["strips"]]
    return {"columns": document["columns"], "rows": document["rows"]}


def difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """In words, how two kept results differ; "" if they are the same.

    Numbers are the same when they differ by at most 0.1 % of the larger one or by 1e-6; all else must be equal.
    """
    old, new = (dict(_numbers(json.loads(json.dumps(_content(each))))) for each in (before, after))
    if before["kind"] != after["kind"] or old.keys() != new.keys():
        return f"it has {len(new)} values instead of {len(old)}"
    changed, most = 0, 0.0
    for at, value in old.items():
        other = new[at]
        both = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (value, other))
        if not both:
            changed += value != other
            continue
        apart = abs(value - other)
        scale = max(abs(value), abs(other))
        if apart > max(RELATIVE * scale, ABSOLUTE):
            changed, most = changed + 1, max(most, apart / scale)
    if not changed:
        return ""
    return f"{changed} of {len(old)} values changed" + (f", by up to {most:.2%}" if most else "")


def enlarged(shown: Shown) -> Shown:
    """A figure at a size that the last row can read; anything else as it is (the page's style enlarges strips)."""
    if isinstance(shown, Figure):
        letters = {"size": SIZE_ON_A_WALL}
        height = max(HEIGHT_ON_A_WALL, shown.figure.layout.height or 0)
        shown.figure.update_layout(height=height, font=letters, legend_font=letters)
        for axes in (shown.figure.update_xaxes, shown.figure.update_yaxes):
            axes(tickfont=letters, title_font=letters)
        shown.figure.update_traces(line_width=4, marker_size=10, selector={"type": "scatter"})
    return shown
