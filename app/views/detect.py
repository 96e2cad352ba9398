"""Replaced-token detection."""

from app.drawing import figures
from app.drawing.shown import Figure, Strip, Strips
from app.views import VIEWS, Views
from engine.analysis.detect import Detection

view = VIEWS.add(Views("detect", "electra", names={"seed": "draw"}))


@view("filled", "What the generator saw and put there")
def filled(found: Detection) -> Strips:
    """Original → replacement where a token was masked; its best five guesses on hover.

    Lighter where the generator put the original back: nothing is replaced there.
    """
    shown = [
        f"{old} → {new}" if fill else old
        for old, new, fill in zip(found.tokens, found.corrupted, found.masked, strict=True)
    ]
    titles = [
        "; ".join(f"{each['token']} {each['probability']:.1%}" for each in options) or "not masked"
        for options in found.options
    ]
    values = [
        float(fill) * (1.0 if really else 0.35) for fill, really in zip(found.masked, replaced(found), strict=True)
    ]
    key = "Dark: replaced; lighter: masked, and the generator put the original back"
    return Strips([Strip(shown, values, titles, found.special, key)], 1.0, "")


def replaced(found: Detection) -> list[bool]:
    """Which tokens really differ from the original (a sample that hits it counts as original)."""
    return [old != new for old, new in zip(found.tokens, found.corrupted, strict=True)]


@view("verdicts", "What the discriminator says of every token")
def verdicts(found: Detection) -> Strips:
    """P(replaced) of every token."""
    tips = [
        f"{new}: P(replaced) = {verdict:.1%}; in truth {'replaced' if was else 'original'}"
        for new, verdict, was in zip(found.corrupted, found.verdicts, replaced(found), strict=True)
    ]
    return Strips([Strip(found.corrupted, found.verdicts, tips, found.special)], 1.0, "P(replaced)", "")


@view("options", "The generator's best guesses")
def options(found: Detection, *, place: int) -> Figure:
    """Its five most likely tokens for one masked place."""
    guesses = {each["token"]: each["probability"] for each in found.options[place]}
    return Figure(figures.bars({"generator": guesses}, f"in place of {found.tokens[place]}", "probability"))
