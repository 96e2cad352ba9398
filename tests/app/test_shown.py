"""Results as they are kept: the same again after JSON, compared within a tolerance, harmless from anywhere."""

import copy
import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from app.drawing import figures, token_figures
from app.drawing.shown import Figure, Frame, Strip, Strips, Table, difference, shown_from, stepped
from app.drawing.tokens import told_apart
from engine.errors import UserError

EVIL = '<img src=x onerror="alert(1)"><script>alert(1)</script>'


def kinds():
    return [
        Figure(figures.lines({"a": [(0, 1.0), (1, 2.0)]}, "x", "y")),
        Figure(figures.histogram({"a": np.array([1.0, 2.0, 5.0])}, "x")),
        Figure(token_figures.token_heatmap(["a", "b"], [[0.0, 1.0], [2.0, 3.0]])),
        Strips([Strip(["a", EVIL], [0.0, 2.0], ["t", EVIL], [True, False], EVIL)], 2.0),
        Table(pd.DataFrame({"text": ["a", EVIL], "n": [1, 2], "x": [0.5, float("nan")]})),
    ]


@pytest.mark.parametrize("shown", kinds(), ids=lambda shown: type(shown).__name__)
def test_kept_as_json_and_shown_again_it_is_the_same(shown):
    document = json.loads(json.dumps(shown.document(), allow_nan=False))
    again = shown_from(document)
    assert difference(document, again.document()) == ""
    assert again.table().shape == shown.table().shape


def test_numbers_are_those_that_are_drawn_by_the_names_on_the_axis():
    counts, edges = np.histogram([1.0, 2.0, 5.0], bins=np.linspace(1, 5, 31))
    table = Figure(figures.histogram({"a": np.array([1.0, 2.0, 5.0])}, "x")).table()
    assert table["y"].tolist() == [0, *counts, 0] and table["x"].iloc[1] == pytest.approx(edges[:2].mean())
    bars = Figure(figures.bars({"g": {"first": 1.0, "second": 2.0}}, "x", "y")).table()
    assert bars.to_dict("list") == {"series": ["g", "g"], "x": ["first", "second"], "y": [1.0, 2.0]}
    values = np.arange(6.0).reshape(2, 3)
    made = Figure(go.Figure(go.Heatmap(x=np.array([0, 1, 2]), y=["a", "b"], z=values))).table()
    assert made["z"].tolist() == list(range(6)) and made["y"].tolist() == ["a"] * 3 + ["b"] * 3


def test_differences_are_said_and_small_ones_are_not():
    def figure(*values):
        return Figure(figures.lines({"a": list(enumerate(values))}, "x", "y")).document()

    assert difference(figure(1.0, 2.0), figure(1.0, 2.0)) == ""
    assert difference(figure(1.0, 2.0), figure(1.0009, 2.0)) == ""
    assert difference(figure(0.0, 2.0), figure(9e-7, 2.0)) == ""
    assert difference(figure(1.0, 2.0), figure(1.01, 2.0)).startswith("1 of ")
    assert "0.99%" in difference(figure(1.0, 2.0), figure(1.01, 2.0))
    assert "values instead of" in difference(figure(1.0, 2.0), figure(1.0))
    strips = [Strips([Strip([token], [1.0], [""])], 1.0).document() for token in "ab"]
    assert difference(*strips) == "1 of 2 values changed"
    with_nothing = copy.deepcopy(figure(1.0, 2.0))
    with_nothing["data"][0]["y"][0] = None
    assert difference(figure(1.0, 2.0), with_nothing)


def test_markup_of_an_imported_figure_becomes_text():
    document = kinds()[0].document()
    document["data"][0]["name"] = EVIL
    document["data"][0]["hovertemplate"] = f"a<br>b{EVIL}<extra></extra>"
    document["layout"]["title"] = {"text": EVIL}
    document["layout"]["images"] = [{"source": "http://elsewhere/x.png"}]
    document["data"].append({"type": "image", "source": "http://elsewhere/x.png"})
    found = json.dumps(shown_from(document).document())
    assert "<img" not in found and "<script" not in found and "elsewhere" not in found
    assert "a<br>b&lt;img" in found and "<extra></extra>" in found


UNEVEN = {
    "tokens": ["a", "b"],
    "values": [1, 2],
    "titles": ["", ""],
    "faded": [],
    "heading": "",
    "frames": [{"values": [1]}],
}


def test_a_strip_keeps_all_its_steps_and_says_what_the_chosen_one_is():
    frames = [Frame([0.0, 0.0]), Frame([1.0, 0.25], ["x", ""], ["sure", ""])]
    strip = stepped(frames, 0, ["a", "b"], ["near", ""], faded=[True, False])
    assert strip.values == [0.0, 0.0] and stepped(frames, None, ["a", "b"], ["", ""]).values == [1.0, 0.25]
    shown = Strips([strip], 1.0, step=0, said=["before", "after"], chosen=1)
    again = shown_from(json.loads(json.dumps(shown.document())))
    assert again.document() == shown.document() and again.last == 1
    assert 'title="a: ‖δ‖ = 0 at step 0; near"' in again._repr_html_() and again._repr_html_().count("outline") == 1
    drawn = json.loads(json.dumps(again.payload()))
    assert [frame["values"] for frame in drawn["strips"][0]["frames"]] == [[0.0, 0.0], [1.0, 0.25]]
    assert [text for text, _ in drawn["strips"][0]["frames"][1]["marks"]] == ["x", ""]


def test_tokens_of_one_name_are_told_apart():
    assert told_apart(["i", "it", "at", "it"]) == ["i", "it (1 of 2)", "at", "it (2 of 2)"]


def test_token_strips_are_escaped():
    html = kinds()[3]._repr_html_()
    assert "<img" not in html and "<script" not in html and "&lt;img" in html


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "video"},
        {"kind": "figure"},
        {"kind": "figure", "data": [{}], "layout": {}},
        {"kind": "strips", "strips": 1},
        {"kind": "strips", "largest": 1, "legend": "", "unit": "", "strips": [UNEVEN]},
    ],
)
def test_what_cannot_be_read_is_said(document):
    with pytest.raises(UserError, match="run the cell again"):
        shown_from(document)
