"""Runs over one another."""

import json
from collections.abc import Mapping, Sequence

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.drawing.stacked import stacked
from app.views import VIEWS, Views
from engine.analysis.curves import Curves, RunCurves

view = VIEWS.add(Views("curves", "runs"))

STEP = "optimiser step"
# What is drawn of a run, in this order: logged figure → axis title.
CURVES = {
    "loss": "training loss (nats)",
    "eval_accuracy": "validation accuracy",
    "eval_f1": "validation F1",
    "eval_matthews": "validation Matthews correlation",
    "eval_pearson": "validation Pearson r",
    "eval_spearman": "validation Spearman ρ",
    "eval_loss": "validation loss (nats)",
    "delta_norm": "mean ‖δ‖ (Frobenius, units of the site)",
    "smoothness_kl": "SMART's ℓₛ (nats)",
    "eval_auc": "validation AUC of the discriminator",
    "eval_precision": "precision of the discriminator",
    "eval_recall": "recall of the discriminator",
    "eval_generator_accuracy": "accuracy of the generator",
    "eval_generator_top5": "share of masked tokens among the generator's first five",
    "mlm_loss": "generator's loss (nats)",
    "discriminator_loss": "discriminator's loss (nats)",
    "eval_correction_accuracy": "share of words put right",
    "learning_rate": "learning rate",
}
EXACT = ("learning_rate",)  # Set, not measured: nothing in it is to be smoothed away.


def _titles(found: Curves) -> dict[str, RunCurves]:
    """By title; the end of the id is added where two runs have the same."""
    titles = [run.title for run in found.runs.values()]
    return {
        run.title if titles.count(run.title) == 1 else f"{run.title} ({key[-6:]})": run
        for key, run in found.runs.items()
    }


@view("curve", "Runs over one another")
def curve(found: Curves, *, figure: str = "loss", smoothing: float = 0.0, log: bool = False) -> Figure:
    """One logged figure of every run. `smoothing`: see `smoothed`; `log`: the axis upwards follows powers of ten."""
    curves = _curves(found, figure, smoothing)
    made = figures.lines(curves, _steps(smoothing), CURVES.get(figure, figure))
    if log and _above_zero(curves):
        made.update_yaxes(type="log", exponentformat="power", nticks=6)
    return Figure(made)


@view("curves", "Runs over one another, all figures under one pointer")
def all_curves(found: Curves, *, smoothing: float = 0.0, log: bool = False) -> Figure:
    """Every logged figure, one below another over the same steps; a pointer in one reads all of them. Options: see `curve`."""
    panels = {CURVES.get(name, name): _curves(found, name, smoothing) for name in logged(found)}
    return Figure(
        stacked(panels, _steps(smoothing), [title for title, each in panels.items() if log and _above_zero(each)])
    )


def logged(found: Curves) -> list[str]:
    """The figures that at least one of the runs logged, in the order of `CURVES`."""
    return [name for name in CURVES if any(run.curves.get(name) for run in found.runs.values())]


def _curves(found: Curves, figure: str, smoothing: float) -> dict[str, list[tuple[int, float]]]:
    return {
        title: smoothed(run.curves[figure], 0.0 if figure in EXACT else smoothing)
        for title, run in _titles(found).items()
        if run.curves.get(figure)
    }


def _steps(smoothing: float) -> str:
    return STEP + (f" (curves smoothed by {smoothing:g})" if smoothing else "")


def _above_zero(curves: Mapping[str, Sequence[tuple[int, float]]]) -> bool:
    return all(value > 0 for points in curves.values() for _, value in points)


def smoothed(points: Sequence[tuple[int, float]], share: float) -> list[tuple[int, float]]:
    """The exponential moving average, without the bias of its start: the sum of share^(t-s) v_s over the sum of share^(t-s).

    Args:
        share: that a point keeps of the average before it, from 0 (as logged) to below 1.
    """
    total, weight, found = 0.0, 0.0, []
    for step, value in points:
        total, weight = share * total + value, share * weight + 1.0
        found.append((step, total / weight))
    return found


@view("differences", "Settings in which runs differ")
def differences(found: Curves) -> Table:
    """One row per setting that is not the same in all of them; of one run alone, all."""
    runs = _titles(found)
    names = dict.fromkeys(name for run in runs.values() for name in run.config)
    rows = []
    for name in names:
        values = {title: run.config.get(name, "") for title, run in runs.items()}
        if len(runs) == 1 or len({json.dumps(each, sort_keys=True) for each in values.values()}) > 1:
            rows.append(
                {"setting": name.removeprefix("method_settings.")}
                | {title: _short(each) for title, each in values.items()}
            )
    return Table(pd.DataFrame(rows, columns=["setting", *runs]))


def _short(value: object) -> str:
    """A setting in a table: of a file its name."""
    return value.rsplit("/", 1)[-1] if isinstance(value, str) and value.startswith("/") else str(value)


@view("results", "What runs reached")
def results(found: Curves) -> Figure:
    """The main metric of every run that ended and shares it with the first."""
    metrics = {title: run.metrics for title, run in _titles(found).items() if run.metrics.get("main_metric")}
    name = next(iter(metrics.values()))["main_metric"] if metrics else "metric"
    values = {title: each[name] for title, each in metrics.items() if each["main_metric"] == name}
    return Figure(figures.bars({"result": values}, "run", f"validation {name}"))
