"""Views of robustness: accuracy against ε, word attacks, calibration; and of the papers' own figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from app import figures
from app.shown import Figure, Strip, Strips, Table
from app.views.base import view
from engine.robustness.words import split

PAGE = "compare"


@view("robust accuracy", "curve", "Accuracy against ε under PGD", PAGE, several=True)
def curve(found: Mapping[str, Sequence[Any]]) -> Figure:
    """One line per model with its 95 % interval; a second one under twice the steps."""
    curves, bands = {}, {}
    for name, points in found.items():
        title = name or "accuracy"
        curves[title] = [(point.epsilon, point.accuracy) for point in points]
        bands[title] = [(point.low, point.high) for point in points]
        curves[f"{title}, twice the steps"] = [(point.epsilon, point.longer) for point in points]
    made = figures.lines(curves, "ε (Frobenius per sentence, embedding units)", "accuracy", bands=bands)
    made.update_yaxes(range=[-0.02, 1.02])
    return Figure(made)


@view("calibration", "reliability", "Is it as sure as it is right?", PAGE, several=True)
def reliability(found: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Accuracy against confidence, bin by bin; on the diagonal a model is calibrated."""
    curves: dict[str, list[tuple[float, float]]] = {"as sure as right": [(0.0, 0.0), (1.0, 1.0)]}
    for name, each in found.items():
        curves[f"{name or 'model'} (ECE {each['ece']:.3f})"] = [
            (row["confidence"], row["accuracy"]) for row in each["bins"]
        ]
    return Figure(figures.lines(curves, "mean confidence in the bin (probability)", "accuracy in the bin"))


@view("word attack", "summary", "Accuracy before and after the attack", PAGE, several=True)
def attacked(found: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Bars side by side, one pair per model."""
    names = {name or "model": each["summary"] for name, each in found.items()}
    groups = {
        "before": {name: each["accuracy"] for name, each in names.items()},
        "after the attack": {name: each["after_attack"] for name, each in names.items()},
    }
    made = figures.bars(groups, "model", "accuracy")
    made.update_yaxes(range=[0, 1.02])
    return Figure(made)


@view("word attack", "examples", "The attacked examples", PAGE)
def examples(found: Mapping[str, Any]) -> Table:
    """One row per example, the successful ones first."""
    rows = [
        {
            "outcome": "fooled" if each.success else "holds" if each.said == each.label else "wrong before",
            "text": each.before,
            "changed": ", ".join(f"{old} → {new}" for _, old, new in each.changes),
            "P(label) before": each.probability,
            "P(label) after": each.probability_after,
            "similarity": each.similarity,
            "queries": each.queries,
        }
        for each in found["examples"]
    ]
    return Table(pd.DataFrame(rows))


@view("word attack", "diff", "One attacked example, word by word", PAGE)
def diff(found: Mapping[str, Any], *, place: int = 0) -> Strips:
    """Before and after; the changed words are dark."""
    one = found["examples"][max(0, min(place, len(found["examples"]) - 1))]
    changed = {at: (old, new) for at, old, new in one.changes}
    strips = []
    for heading, text, chance, said in (
        ("Before", one.before, one.probability, one.said),
        ("After", one.after, one.probability_after, one.said_after),
    ):
        words = split(text)[0]
        tips = [" → ".join(changed[at]) if at in changed else word for at, word in enumerate(words)]
        title = f"{heading}: says class {said}; P(label {one.label}) = {chance:.1%}"
        strips.append(Strip(words, [float(at in changed) for at in range(len(words))], tips, heading=title))
    return Strips(strips, 1.0, "")


def summary_table(found: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The summaries of several models, one row each."""
    return pd.DataFrame([{"model": name, **each["summary"]} for name, each in found.items()])


def curve_table(found: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """The points of several models, one row each."""
    return pd.DataFrame(
        [
            {"model": name, **asdict(point), "converged": point.converged}
            for name, points in found.items()
            for point in points
        ]
    )
