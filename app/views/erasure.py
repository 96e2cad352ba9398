"""What each word is worth."""

from app.drawing import token_figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.erasure import Erasure

view = VIEWS.add(Views("erasure", "attribution", several_models=True))


@view("words", "What the label's probability loses without each word")
def words(found: Erasure) -> Figure:
    """One bar per word."""
    return Figure(token_figures.token_bars(found.words, {f"P({found.label})": found.losses}, "lost (probability)"))
