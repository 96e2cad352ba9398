"""The ε at which a label flips."""

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.flip import Flips
from engine.methods import get_method

view = VIEWS.add(Views("flip", "perturb", part="Methods side by side"))


@view("epsilon", "The ε at which the label flips")
def flip(found: Flips, *, gap: float | None = None) -> Figure:
    """One bar per method that flips it; `gap`: the distance of the nearest other token, as a yardstick."""
    reached = {get_method(name).title: value for name, value in found.flip_epsilon.items() if value is not None}
    made = figures.bars({"flips at": reached}, "method", "ε (embedding units)")
    if gap is not None:
        made.add_hline(y=gap, line={"dash": "dot", "color": "#888888"}, annotation_text="nearest other token")
    return Figure(made)
