"""A sentence under a method's ascent."""

from collections.abc import Mapping

import pandas as pd

from app.drawing import figures, token_figures
from app.drawing.shown import Figure, Frame, Strip, Strips, Table, stepped
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
    if before != after:
        return f"{said} The label flips."
    flipped = [
        str(step) for step, row in enumerate(found.probabilities) if max(range(len(row)), key=row.__getitem__) != before
    ]
    between = f", though it is another one at step{'s' * (len(flipped) > 1)} {', '.join(flipped)}" if flipped else ""
    return f"{said} The label holds{between}."


def _units(found: Trace) -> str:
    return units(str(found.settings.get("site", EMBEDDINGS)))


def _strip(found: Trace, step: int | None = None, heading: str = "") -> Strip:
    last = len(found.loss) - 1
    near = [
        f"nearest other token after step {last}: {each[0]['token']} at distance {each[0]['distance']:.3f}"
        if each
        else ""
        for each in found.nearest
    ]
    frames = [Frame(norms) for norms in found.token_norms]
    return stepped(frames, step, found.tokens, near, faded=found.special, heading=heading)


def _said(found: Trace) -> list[str]:
    """Every step in words."""
    said = []
    for loss, row in zip(found.loss, found.probabilities, strict=True):
        top = max(range(len(row)), key=row.__getitem__)
        output = f"score {row[0]:.3f}" if len(found.labels) == 1 else f"{found.labels[top]} {row[top]:.1%}"
        said.append(f"{output}, loss {loss:.4g}")
    return said


@view("tokens", "Tokens, as dark as far as the adversary moved them")
def tokens(found: Trace, *, step: int | None = None, token: int | None = None) -> Strips:
    """The tokens at one ascent step; all steps share one scale. `token`: the place of one that stands out."""
    strip = _strip(found, step)
    largest = max(max(row) for row in found.token_norms)
    return Strips([strip], largest, unit=_units(found), step=step, said=_said(found), chosen=token)


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
def every_step(found: Trace, *, token: int | None = None) -> Figure:
    """‖δ^i‖ over tokens and steps. `token`: the place of one that stands out."""
    return Figure(token_figures.token_heatmap(found.tokens, found.token_norms, _units(found), token))


@view("yardstick", "How far, as a share of the distance to the nearest other token")
def yardstick(found: Trace, *, token: int | None = None) -> Figure:
    """How far each token moved beside how far the nearest other one is. `token`: the place of one that stands out."""
    hover = [
        f"{token}: nearest " + ", ".join(f"{each['token']} ({each['distance']:.2f})" for each in near)
        for token, near in zip(found.tokens, found.nearest, strict=True)
    ]
    shares = {"share": [100 * share for share in shift_to_gap(found)]}
    return Figure(token_figures.token_bars(found.tokens, shares, "share of the distance (%)", hover, token))


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
    """One strip per trace, on one scale, at first after the last step."""
    largest = max(max(map(max, each.token_norms)) for each in found.values())
    strips = [_strip(each, None, f"{name} · {verdict(each)}") for name, each in found.items()]
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
