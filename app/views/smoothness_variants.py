"""SMART's δ by the paper and by its published code."""

from collections.abc import Mapping

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from app.views.smoothness import unit_of
from engine.analysis.smoothness_variants import SmoothnessVariants

view = VIEWS.add(Views("smoothness variants", "smoothness", several_models=True, prefix="smoothness-"))


@view("moved", "ℓₛ where the paper's δ ends, and where the published code's does", several=True)
def moved(found: Mapping[str, SmoothnessVariants], *, regression: bool = False) -> Figure:
    """How the examples differ, the two in one figure."""
    several = len(found) > 1
    groups = {
        (f"{name}, {variant}" if several else variant): each.moved
        for name, result in found.items()
        for variant, each in result.followed.items()
    }
    return Figure(figures.histogram(groups, unit_of(regression), log=True))
