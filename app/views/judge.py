"""The discriminator on a changed sentence."""

from app.drawing.shown import Strip, Strips
from app.views import VIEWS, Views
from engine.analysis.judge import Judged

view = VIEWS.add(Views("judge", "electra", part="Fool the discriminator", names={"seed": "draw"}))


@view("verdicts", "What the discriminator says of a changed sentence")
def judged(found: Judged) -> Strips:
    """P(replaced) of every token of the user's version."""
    tokens, said = found.your_tokens, found.your_verdicts
    tips = [f"{token}: P(replaced) = {verdict:.1%}" for token, verdict in zip(tokens, said, strict=True)]
    return Strips([Strip(tokens, said, tips)], 1.0, "P(replaced)", "")
