"""Whether a model is as sure as it is right."""

from collections.abc import Mapping

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.calibration import Calibration

view = VIEWS.add(Views("calibration", "compare", several_models=True))


@view("reliability", "Is it as sure as it is right?", several=True)
def reliability(found: Mapping[str, Calibration]) -> Figure:
    """Accuracy against confidence, bin by bin; on the diagonal a model is calibrated."""
    curves: dict[str, list[tuple[float, float]]] = {"as sure as right": [(0.0, 0.0), (1.0, 1.0)]}
    for name, each in found.items():
        curves[f"{name or 'model'} (ECE {each.ece:.3f})"] = [(row.confidence, row.accuracy) for row in each.bins]
    return Figure(figures.lines(curves, "mean confidence in the bin (probability)", "accuracy in the bin"))
