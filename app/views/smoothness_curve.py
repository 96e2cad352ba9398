"""How smooth a model is, against ε."""

from collections.abc import Mapping

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from app.views.smoothness import unit_of
from engine.analysis.smoothness_curve import SmoothnessCurve

view = VIEWS.add(Views("smoothness curve", "smoothness", several_models=True))

EPSILON = "ε (L∞, per coordinate, embedding units)"


@view("curve", "ℓₛ against ε, worst and random direction", several=True)
def curve(found: Mapping[str, SmoothnessCurve], *, regression: bool = False) -> Figure:
    """Means with 95 % bootstrap intervals."""
    curves, bands = {}, {}
    for name, each in found.items():
        for kind, word in (("adversarial", "worst"), ("random", "random")):
            title = f"{name}, {word}"
            curves[title] = [(row.epsilon, getattr(row, kind)) for row in each.curve]
            bands[title] = [(getattr(row, f"{kind}_low"), getattr(row, f"{kind}_high")) for row in each.curve]
    return Figure(figures.lines(curves, EPSILON, f"mean {unit_of(regression)}", bands=bands, log=True))


@view("ratio", "How much worse the worst direction is than a random one", several=True)
def ratio(found: Mapping[str, SmoothnessCurve]) -> Figure:
    """Worst over random, against ε."""
    curves = {name: [(row.epsilon, row.ratio) for row in each.curve] for name, each in found.items()}
    return Figure(figures.lines(curves, EPSILON, "worst / random", log=True))
