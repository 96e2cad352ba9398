"""A sentence under a method's ascent."""

from collections.abc import Mapping

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Strip, Strips, Table
from app.views import VIEWS, Views
from engine.analysis.trace import Trace, shift_to_gap
from engine.sites import EMBEDDINGS, units

view = VIEWS.add(Views("trace", "perturb"))


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


def _units(found: Trace) -> str:
    return units(str(found.settings.get("site", EMBEDDINGS)))


def _strip(found: Trace, step: int, heading: str = "") -> Strip:
    last = len(found.loss) - 1
    titles = []
    for token, norm, near in zip(found.tokens, found.token_norms[step], found.nearest, strict=True):
        tip = f"{token}: ‖δ‖ = {norm:.4g} at step {step}"
        if near:
            tip += f"; nearest other token after step {last}: {near[0]['token']} at distance {near[0]['distance']:.3f}"
        titles.append(tip)
    return Strip(found.tokens, found.token_norms[step], titles, found.special, heading)


@view("tokens", "Tokens, as dark as far as the adversary moved them")
def tokens(found: Trace, *, step: int | None = None) -> Strips:
    """The tokens at one ascent step; all steps share one scale."""
    last = len(found.loss) - 1
    step = last if step is None else max(0, min(step, last))
    return Strips([_strip(found, step)], max(max(row) for row in found.token_norms), unit=_units(found))


@view("loss", "Loss over the ascent")
def loss(found: Trace) -> Figure:
    """The task's loss, and what SMART ascends."""
    curves = {"task loss": list(enumerate(found.loss))}
    if found.method == "smart":
        curves["ℓₛ, what SMART ascends"] = list(enumerate(found.objective))
    return Figure(figures.lines(curves, "ascent step", "loss (nats)"))


@view("probabilities", "Output over the ascent")
def probabilities(found: Trace) -> Figure:
    """Class probabilities, or the score."""
    curves = {
        name: [(step, row[place]) for step, row in enumerate(found.probabilities)]
        for place, name in enumerate(found.labels)
    }
    return Figure(figures.lines(curves, "ascent step", "score" if len(found.labels) == 1 else "probability"))


@view("size", "‖δ‖ over the ascent")
def size(found: Trace) -> Figure:
    """The Frobenius norm of δ."""
    return Figure(
        figures.lines({"‖δ‖": list(enumerate(found.norms))}, "ascent step", f"‖δ‖ (Frobenius, {_units(found)})")
    )


@view("every step", "Every token at every step")
def every_step(found: Trace) -> Figure:
    """‖δ^i‖ over tokens and steps."""
    return Figure(figures.token_heatmap(found.tokens, found.token_norms, _units(found)))


@view("yardstick", "How far, as a share of the distance to the nearest other token")
def yardstick(found: Trace) -> Figure:
    """How far each token moved beside how far the nearest other one is."""
    hover = [
        f"{token}: nearest " + ", ".join(f"{each['token']} ({each['distance']:.2f})" for each in near)
        for token, near in zip(found.tokens, found.nearest, strict=True)
    ]
    shares = {"share": [100 * share for share in shift_to_gap(found)]}
    return Figure(figures.token_bars(found.tokens, shares, "share of the distance (%)", hover))


@view("nearest", "Nearest vocabulary tokens of each perturbed token")
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


def last_strips(found: Mapping[str, Trace]) -> Strips:
    """One strip per trace, after the last step, on one scale."""
    largest = max(max(each.token_norms[-1]) for each in found.values())
    strips = [_strip(each, len(each.loss) - 1, f"{name} · {verdict(each)}") for name, each in found.items()]
    return Strips(strips, largest, unit=_units(next(iter(found.values()))))


@view("models", "The same sentence under several models", several=True)
def several(found: Mapping[str, Trace]) -> Strips:
    """One strip per model, after the last step, on one scale."""
    return last_strips(found)


@view("across training", "Loss before and after the ascent, across training", several=True)
def across(found: Mapping[str, Trace]) -> Figure:
    """Loss before and after the ascent over the optimiser steps of a run's kept models (named `step N`)."""
    steps = {int(name.rsplit(" ", 1)[-1]): each for name, each in found.items()}
    curves = {
        "loss before": [(step, each.loss[0]) for step, each in steps.items()],
        "loss after the ascent": [(step, each.loss[-1]) for step, each in steps.items()],
    }
    return Figure(figures.lines(curves, "optimiser step of the model", "loss (nats)"))
