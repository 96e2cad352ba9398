"""Views of robustness: accuracy against ε, word attacks, calibration; and of the papers' own figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from app import figures
from app.shown import Figure, Strip, Strips, Table
from app.views.base import view
from engine.compare.results import table
from engine.robustness.text import split
from engine.runs.run import marked

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


@view("word attack", "table", "What the attack took", PAGE, several=True)
def summary_table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """The summaries of several models, one row each."""
    return Table(pd.DataFrame([{"model": name or "model", **each["summary"]} for name, each in found.items()]))


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


def _class(found: Mapping[str, Any], number: int) -> str:
    return str(found["labels"][number])


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
        title = f"{heading}: says {_class(found, said)}; P({_class(found, one.label)}) = {chance:.1%}"
        strips.append(Strip(words, [float(at in changed) for at in range(len(words))], tips, heading=title))
    return Strips(strips, 1.0, "")


@view("study", "table", "What a study found", PAGE)
def study_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """Median, lowest and highest over the seeds, costs, and what can be said against vanilla."""
    return Table(table(found, ("★ ", "")) if found else pd.DataFrame())


@view("study", "scores", "Every seed's result", PAGE)
def study_scores(found: Sequence[Mapping[str, Any]], *, dataset: str | None = None) -> Figure:
    """One point per run, a line at the median; of one data set (None: the first)."""
    chosen = [row for row in found if row["dataset"] == (dataset or found[0]["dataset"])]
    made = figures.figure("method", f"validation {chosen[0]['metric']}", 340)
    several = len({row["model"] for row in chosen}) > 1
    names = [
        marked(f"{row['label']} ({row['model']})" if several else row["label"], row.get("mark", "")) for row in chosen
    ]
    for place, row in enumerate(chosen):
        values = list(row["values"].values())
        made.add_scatter(
            x=[place] * len(values), y=values, mode="markers", marker={"color": figures.SERIES[0], "size": 9, "opacity": 0.7},
            customdata=list(row["values"]), hovertemplate=f"{figures.escape(names[place])}<br>seed %{{customdata}}: %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
        made.add_scatter(
            x=[place - 0.3, place + 0.3], y=[row["median"]] * 2, mode="lines", hoverinfo="skip",
            line={"color": figures.SERIES[1], "width": 3},
        )  # fmt: skip
    made.update_layout(showlegend=False)
    made.update_xaxes(tickvals=list(range(len(names))), ticktext=[figures.escape(name) for name in names])
    return Figure(made)


@view("study", "sweep", "A setting's effect", PAGE)
def study_sweep(found: Sequence[Mapping[str, Any]], *, setting: str) -> Figure:
    """Median result against a swept setting, one line per method and data set, with the range over the seeds.

    Values that are no numbers (`none`, names) stand in the order of the study.
    """
    curves: dict[str, list[tuple[float, float]]] = {}
    bands: dict[str, list[tuple[float, float]]] = {}
    rows = [row for row in found if setting in row["swept"]]
    names = list(dict.fromkeys(str(row["swept"][setting]) for row in rows))
    try:
        places = {name: float(name) for name in names}
        ticks = None
    except ValueError:
        places = {name: float(place) for place, name in enumerate(names)}
        ticks = names
    for row in sorted(rows, key=lambda row: places[str(row["swept"][setting])]):
        others = ", ".join(f"{name} = {value}" for name, value in row["swept"].items() if name != setting)
        name = " · ".join(filter(None, [row["method"], row["dataset"], row["model"], others]))
        curves.setdefault(name, []).append((places[str(row["swept"][setting])], row["median"]))
        bands.setdefault(name, []).append((row["lowest"], row["highest"]))
    metric = found[0]["metric"] if found else "result"
    made = figures.lines(curves, setting.replace("_", " "), f"validation {metric}, median", bands=bands)
    if ticks is not None:
        made.update_xaxes(tickvals=list(range(len(ticks))), ticktext=[figures.escape(name) for name in ticks])
    return Figure(made)


@view("published", "table", "A paper's table, with your runs below it", PAGE)
def published(found: Mapping[str, Any]) -> Table:
    """Each figure as it is printed; one's own in points."""
    return Table(pd.DataFrame(found["rows"], columns=found["columns"]))


@view("published", "gains", "Gain over the baseline", PAGE)
def published_gains(found: Mapping[str, Any]) -> Figure:
    """One group of bars per row, over the tasks."""
    groups: dict[str, dict[str, float]] = {}
    for row, task, gain in found["gains"]:
        groups.setdefault(row, {})[task] = gain
    tasks = list(dict.fromkeys(task for _, task, _ in found["gains"]))
    full = {row: {task: values.get(task, float("nan")) for task in tasks} for row, values in groups.items()}
    return Figure(figures.bars(full, "task", "gain (points of the first metric)"))
