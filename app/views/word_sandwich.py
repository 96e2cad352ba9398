"""What is certain at least, and what an attack leaves at most, against the number of changed words."""

from app.drawing.shown import Figure
from app.views import VIEWS, Views
from app.views.sandwich import Bar, bars, two_bounds
from engine.analysis.word_sandwich import WordSandwich

view = VIEWS.add(
    Views("word sandwich", "compare", part="Between two bounds", names={"candidates": "word_sandwich-candidates"})
)
AXIS = "changed words"


@view("bounds", "Accuracy against changed words: between certificate and attack lies the truth")
def bounds(found: WordSandwich) -> Figure:
    """The smoothed classifier's two curves with the gap shaded; the model itself under attack as a thin line."""
    made = two_bounds([at.words for at in found.curve], found.curve, AXIS, AXIS)
    made.update_xaxes(dtick=1)
    return Figure(made)


@view("sentences", "Each sentence: changed words that are certain to leave the answer, and those that change it")
def sentences(found: WordSandwich) -> Figure:
    """A bar from one to the other per sentence that the votes get right; open where the attack changes nothing."""
    rows = [Bar(each.text, each.radius or 0, each.flips) for each in found.sentences if each.right]
    made = bars(rows, float(found.curve[-1].words), AXIS, AXIS)
    made.update_xaxes(dtick=1)
    return Figure(made)
