"""The loss around a sentence."""

from app.drawing import landscape as figures_of_landscape
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.landscape import Landscape

view = VIEWS.add(Views("landscape", "landscape"))


@view("contour", "The loss around a sentence")
def contour(found: Landscape, *, height: str = "loss") -> Figure:
    """Contour lines, the ball and the paths."""
    return Figure(figures_of_landscape.contour(found, height))


@view("surface", "The loss around a sentence, as a surface")
def surface(found: Landscape, *, height: str = "loss") -> Figure:
    """The same as a surface."""
    return Figure(figures_of_landscape.surface(found, height))
