"""What a class predicted, and what is true."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.drawing import figures
from engine.analysis.flip import MOST as MOST_EPSILON
from engine.classroom import Question

TRUE = figures.SERIES[1]


def distribution(question: Question, own: Any = None) -> go.Figure:
    """How many predicted what; the answer stands out once it is there, `own` is marked.

    The true bar is hatched as well as coloured: it is seen without seeing hues.
    """
    return _amounts(question, own) if question.kind == "flip" else _choices(question, own)


def _choices(question: Question, own: Any) -> go.Figure:
    names: Mapping[str, str] = question.asked["choices"]
    counted = Counter(str(value) for value in question.predictions.values())
    made = figures.figure("", "predictions")
    made.add_bar(
        x=list(range(len(names))),
        y=[counted[key] for key in names],
        marker={
            "color": [TRUE if key == question.answer else figures.SERIES[0] for key in names],
            "pattern": {"shape": ["/" if key == question.answer else "" for key in names]},
        },
        text=[_marks(key, question.answer, own) for key in names],
        textposition="outside",
        textfont_size=13,
        constraintext="none",
        cliponaxis=False,
        customdata=[figures.escape(name) for name in names.values()],
        hovertemplate="%{customdata}<br>%{y} predictions<extra></extra>",
    )
    made.update_xaxes(tickvals=list(range(len(names))), ticktext=[figures.escape(name) for name in names.values()])
    made.update_yaxes(rangemode="tozero", tick0=0, dtick=max(1, max(counted.values(), default=0) // 5))
    return made


def _marks(key: str, answer: Any, own: Any) -> str:
    said = [word for word, is_it in (("the answer", key == answer), ("yours", key == own)) if is_it]
    return ", ".join(said)


def _amounts(question: Question, own: Any) -> go.Figure:
    values = [float(value) for value in question.predictions.values()]
    made = figures.figure("ε (embedding units)", "predictions")
    most = max([*values, question.answer or 0.0, 0.5]) * 1.1
    counts, edges = np.histogram(values, bins=20, range=(0.0, most))
    made.add_bar(
        x=(edges[:-1] + edges[1:]) / 2, y=counts, width=0.85 * (edges[1] - edges[0]), marker_color=figures.SERIES[0],
        hovertemplate="about %{x:.2g}<br>%{y} predictions<extra></extra>",
    )  # fmt: skip
    for value, what, dash in ((question.answer, "the answer", "solid"), (own, "yours", "dot")):
        if value is not None:
            made.add_vline(
                x=float(value), line={"color": TRUE if what == "the answer" else "#888888", "dash": dash, "width": 3},
                annotation_text=f"{what}: {float(value):.3g}",
            )  # fmt: skip
    made.update_yaxes(rangemode="tozero", tick0=0, dtick=max(1, int(counts.max()) // 5))
    return made


def verdict(question: Question) -> str:
    """The answer in a sentence, and how many found it."""
    count = len(question.predictions)
    if question.kind == "flip":
        method = question.asked["method_title"]
        if question.answer is None:
            return f"{method} does not flip the label up to ε = {MOST_EPSILON:g}."
        values = sorted(question.predictions.values(), key=lambda value: abs(float(value) - question.answer))
        whose = "The only prediction" if count == 1 else f"The nearest of {count} predictions"
        nearest = f" {whose} was {float(values[0]):.3g}." if values else ""
        return f"{method} flips the label at ε = {question.answer:.3g}.{nearest}"
    right = sum(value == question.answer for value in question.predictions.values())
    name = question.asked["choices"][question.answer]
    said = f"“{name}” moves most" if question.kind == "token" else f"{name} is smoother"
    return f"{said}. {right} of {count} predicted it."
