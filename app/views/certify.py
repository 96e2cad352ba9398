"""What is certain of a sentence."""

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.certify import Certification

view = VIEWS.add(Views("certify", "perturb", part="What is certain"))


@view("votes", "The votes")
def votes(found: Certification) -> Figure:
    """The share of the votes that the answer got, and what it is at least among all."""
    share = found.proof.share
    shares = {"counted": share, "of all, at least": found.proof.p_low or share, "what is needed": 0.5}
    made = figures.bars({found.prediction: shares}, "votes for the answer", "share of the votes")
    made.update_yaxes(range=[0, 1.02])
    return Figure(made)
