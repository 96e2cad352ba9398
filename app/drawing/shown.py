"""What an analysis looks like: a figure, token strips or a table; as JSON, so that it can be kept, compared and sent."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.drawing.tokens import token_strip
from engine.errors import UserError

MOST_ROWS = 1000
TRACES = {"scatter", "scattergl", "scatter3d", "bar", "heatmap", "contour", "surface"}
# The little that Plotly's labels need; all else of an imported figure's markup becomes text.
_MARKUP = re.compile(r"<(?!/?(?:br|extra|b|i|sub|sup)\s*/?>)")


def _plain(value: Any) -> Any:
    """Lists, dicts, text and numbers; NaN and infinity become None, as JSON has neither."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, np.ndarray, pd.Series)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return _MARKUP.sub("&lt;", value)
    if isinstance(value, dict):
        return {key: _harmless(each) for key, each in value.items()}
    return [_harmless(each) for each in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Figure:
    """A Plotly figure."""

    figure: go.Figure

    def document(self) -> dict[str, Any]:
        """As JSON."""
        made = self.figure.to_dict()
        layout = {key: value for key, value in made["layout"].items() if key != "template"}
        return {"kind": "figure", "data": _plain(made["data"]), "layout": _plain(layout)}

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
                    for y, row in zip(trace["y"], trace["z"], strict=True)
                    for x, value in zip(trace["x"], row, strict=True)
                ]
                parts.append(pd.DataFrame(cells, columns=["series", "x", "y", "z"]))
            else:
                columns = {axis: trace[axis] for axis in "xyz" if trace.get(axis) is not None}
                parts.append(pd.DataFrame({"series": name, **columns}))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _repr_mimebundle_(self, *arguments: Any, **keywords: Any) -> Any:
        return self.figure._repr_mimebundle_(*arguments, **keywords)


@dataclass(frozen=True)
class Strip:
    """Tokens side by side. `heading`: what stands above, plain text; `faded`: special tokens; `marks`: a word below each."""

    tokens: Sequence[str]
    values: Sequence[float]
    titles: Sequence[str]
    faded: Sequence[bool] = ()
    heading: str = ""
    marks: Sequence[str] = ()


@dataclass(frozen=True)
class Strips:
    """Token strips on one scale, from 0 to `largest`; the legend stands below the last."""

    strips: list[Strip]
    largest: float
    legend: str = "‖δ‖"
    unit: str = "embedding units"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": "strips", "largest": _plain(self.largest), "legend": self.legend, "unit": self.unit,
            "strips": [_plain(vars(each)) for each in self.strips],
        }  # fmt: skip

    def table(self) -> pd.DataFrame:
        """One row per token."""
        rows = [
            (each.heading, place, token, value, *each.marks[place : place + 1])
            for each in self.strips
            for place, (token, value) in enumerate(zip(each.tokens, each.values, strict=True))
        ]
        marked = ["mark"] if any(each.marks for each in self.strips) else []
        return pd.DataFrame(rows, columns=["strip", "place", "token", self.legend or "value", *marked])

    def parts(self) -> Iterator[tuple[str, str]]:
        """(heading, escaped HTML) of every strip."""
        for place, each in enumerate(self.strips):
            legend = self.legend if place == len(self.strips) - 1 else ""
            yield (
                each.heading,
                token_strip(
                    each.tokens, each.values, self.largest, each.titles, each.faded, legend, self.unit, each.marks
                ),
            )

    def _repr_html_(self) -> str:
        from html import escape

        return "".join(f"<p>{escape(heading)}</p>{strip}" for heading, strip in self.parts())


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
            "rows": _plain(kept.to_numpy().tolist()),
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
            strips = [
                Strip(
                    [str(token) for token in each["tokens"]],
                    [float(value or 0.0) for value in each["values"]],
                    [str(title) for title in each["titles"]],
                    [bool(fade) for fade in each["faded"]] or [False] * len(each["tokens"]),
                    str(each["heading"]),
                    [str(mark) for mark in each.get("marks", ())],
                )
                for each in document["strips"]
            ]
            return Strips(strips, float(document["largest"] or 0.0), str(document["legend"]), str(document["unit"]))
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
