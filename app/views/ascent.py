"""Views of a sentence under a method's ascent, and of a data set's examples."""

from collections.abc import Mapping

import pandas as pd

from app import figures
from app.shown import Figure, Strip, Strips, Table
from app.views.base import view
from engine.analysis.trace import Trace, shift_to_gap
from engine.methods import get_method

PAGE = "perturb"


def verdict(found: Trace) -> str:
    """What became of the prediction, in a sentence."""
    first, final = found.probabilities[0], found.probabilities[-1]
    last = len(found.loss) - 1
    steps = f"{last} step{'s' if last != 1 else ''}"
    if len(first) == 1 and len(found.labels) == 1:
        return f"Score {first[0]:.3f} before, {final[0]:.3f} after {steps}."
    before, after = (max(range(len(row)), key=row.__getitem__) for row in (first, final))
    said = f"{found.labels[before]} ({first[before]:.1%}) before, {found.labels[after]} ({final[after]:.1%}) after {steps}."
    return f"{said} {'The label flips.' if before != after else 'The label holds.'}"


def _strip(found: Trace, step: int, heading: str = "") -> Strip:
    last = len(found.loss) - 1
    titles = []
    for token, norm, near in zip(found.tokens, found.token_norms[step], found.nearest, strict=True):
        tip = f"{token}: ‖δ‖ = {norm:.4g} at step {step}"
        if near:
            tip += f"; nearest other token after step {last}: {near[0]['token']} at distance {near[0]['distance']:.3f}"
        titles.append(tip)
    return Strip(found.tokens, found.token_norms[step], titles, found.special, heading)


@view("trace", "tokens", "Tokens, as dark as far as the adversary moved them", PAGE)
def tokens(found: Trace, *, step: int | None = None) -> Strips:
    """The tokens at one ascent step; all steps share one scale."""
    last = len(found.loss) - 1
    step = last if step is None else max(0, min(step, last))
    return Strips([_strip(found, step)], max(max(row) for row in found.token_norms))


@view("trace", "loss", "Loss over the ascent", PAGE)
def loss(found: Trace) -> Figure:
    """The task's loss, and what SMART ascends."""
    curves = {"task loss": list(enumerate(found.loss))}
    if found.method == "smart":
        curves["ℓₛ, what SMART ascends"] = list(enumerate(found.objective))
    return Figure(figures.lines(curves, "ascent step", "loss (nats)"))


@view("trace", "probabilities", "Output over the ascent", PAGE)
def probabilities(found: Trace) -> Figure:
    """Class probabilities, or the score."""
    curves = {
        name: [(step, row[place]) for step, row in enumerate(found.probabilities)]
        for place, name in enumerate(found.labels)
    }
    return Figure(figures.lines(curves, "ascent step", "score" if len(found.labels) == 1 else "probability"))


@view("trace", "size", "‖δ‖ over the ascent", PAGE)
def size(found: Trace) -> Figure:
    """The Frobenius norm of δ."""
    return Figure(
        figures.lines({"‖δ‖": list(enumerate(found.norms))}, "ascent step", "‖δ‖ (Frobenius, embedding units)")
    )


@view("trace", "every step", "Every token at every step", PAGE)
def every_step(found: Trace) -> Figure:
    """‖δ^i‖ over tokens and steps."""
    return Figure(figures.token_heatmap(found.tokens, found.token_norms))


@view("trace", "yardstick", "How far, as a share of the distance to the nearest other token", PAGE)
def yardstick(found: Trace) -> Figure:
    """How far each token moved beside how far the nearest other one is."""
    hover = [
        f"{token}: nearest " + ", ".join(f"{each['token']} ({each['distance']:.2f})" for each in near)
        for token, near in zip(found.tokens, found.nearest, strict=True)
    ]
    shares = {"share": [100 * share for share in shift_to_gap(found)]}
    return Figure(figures.token_bars(found.tokens, shares, "share of the distance (%)", hover))


@view("trace", "nearest", "Nearest vocabulary tokens of each perturbed token", PAGE)
def nearest(found: Trace) -> Table:
    """The nearest tokens with their distances."""
    rows = [
        {
            "token": token,
            "‖δ‖": norm,
            **{f"nearest {n + 1}": f"{e['token']} ({e['distance']:.2f})" for n, e in enumerate(near)},
        }
        for token, norm, near in zip(found.tokens, found.token_norms[-1], found.nearest, strict=True)
    ]
    return Table(pd.DataFrame(rows))


def _last_strips(found: Mapping[str, Trace]) -> Strips:
    largest = max(max(each.token_norms[-1]) for each in found.values())
    strips = [_strip(each, len(each.loss) - 1, f"{name} · {verdict(each)}") for name, each in found.items()]
    return Strips(strips, largest)


@view("trace", "models", "The same sentence under several models", PAGE, several=True)
def several(found: Mapping[str, Trace]) -> Strips:
    """One strip per model, after the last step, on one scale."""
    return _last_strips(found)


@view("trace", "across training", "Loss before and after the ascent, across training", PAGE, several=True)
def across(found: Mapping[str, Trace]) -> Figure:
    """Loss before and after the ascent over the optimiser steps of a run's kept models (named `step N`)."""
    steps = {int(name.rsplit(" ", 1)[-1]): each for name, each in found.items()}
    curves = {
        "loss before": [(step, each.loss[0]) for step, each in steps.items()],
        "loss after the ascent": [(step, each.loss[-1]) for step, each in steps.items()],
    }
    return Figure(figures.lines(curves, "optimiser step of the model", "loss (nats)"))


def _titled(found: Mapping[str, Trace]) -> dict[str, Trace]:
    return {get_method(name).title: each for name, each in found.items()}


@view("side by side", "tokens", "All methods in the same ball", PAGE)
def side_tokens(found: Mapping[str, Trace]) -> Strips:
    """One strip per method, on one scale."""
    return _last_strips(_titled(found))


@view("side by side", "loss", "Loss over the ascent, method by method", PAGE)
def side_loss(found: Mapping[str, Trace]) -> Figure:
    """One loss curve per method."""
    curves = {name: list(enumerate(each.loss)) for name, each in _titled(found).items()}
    return Figure(figures.lines(curves, "ascent step", "loss (nats)"))


@view("flip", "epsilon", "The ε at which the label flips", PAGE)
def flip(found: Mapping[str, float | None], *, gap: float | None = None) -> Figure:
    """One bar per method that flips it; `gap`: the distance of the nearest other token, as a yardstick."""
    reached = {get_method(name).title: value for name, value in found.items() if value is not None}
    made = figures.bars({"flips at": reached}, "method", "ε (embedding units)")
    if gap is not None:
        made.add_hline(y=gap, line={"dash": "dot", "color": "#888888"}, annotation_text="nearest other token")
    return Figure(made)


@view("examples", "table", "A data set's examples", PAGE)
def examples(found: pd.DataFrame) -> Table:
    """Loss, margin, prediction, ℓₛ and flip ε of every example."""
    return Table(found.rename(columns={"flip_epsilon": "flip ε", "smoothness": "ℓₛ"}))
