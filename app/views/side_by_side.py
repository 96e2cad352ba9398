"""A sentence under every method's ascent."""

from app.drawing import figures
from app.drawing.shown import Figure, Strips
from app.views import VIEWS, Views
from app.views.trace import last_strips
from engine.analysis.side_by_side import SideBySide
from engine.analysis.trace import Trace
from engine.methods import get_method

view = VIEWS.add(Views("side by side", "perturb", part="Methods side by side"))


def _titled(found: SideBySide) -> dict[str, Trace]:
    return {get_method(name).title: each for name, each in found.traces.items()}


@view("tokens", "All methods in the same ball")
def side_tokens(found: SideBySide) -> Strips:
    """One strip per method, on one scale."""
    return last_strips(_titled(found))


@view("loss", "Loss over the ascent, method by method")
def side_loss(found: SideBySide) -> Figure:
    """One loss curve per method."""
    curves = {name: list(enumerate(each.loss)) for name, each in _titled(found).items()}
    return Figure(figures.lines(curves, "ascent step", "loss (nats)"))
