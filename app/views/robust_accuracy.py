"""Accuracy against ε."""

from collections.abc import Mapping

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.robust_accuracy import RobustAccuracy
from engine.sites import units

view = VIEWS.add(Views("robust accuracy", "compare", several_models=True))


@view("curve", "Accuracy against ε under attack", several=True)
def curve(found: Mapping[str, RobustAccuracy]) -> Figure:
    """One line per model with its 95 % interval; a second one under twice the steps."""
    curves, bands, beside = {}, {}, {}
    for name, each in found.items():
        title = name or "accuracy"
        curves[title] = [(point.epsilon, point.accuracy) for point in each.curve]
        bands[title] = [(point.low, point.high) for point in each.curve]
        curves[longer := f"{title}, twice the steps"] = [(point.epsilon, point.longer) for point in each.curve]
        beside[longer] = title
    unit = units(next(iter(found.values())).site) if found else ""
    made = figures.lines(curves, f"ε (Frobenius per sentence, {unit})", "accuracy", bands=bands, beside=beside)
    made.update_yaxes(range=[-0.02, 1.02])
    return Figure(made)
