"""A sentence's tags under a method's ascent."""

from app.drawing import figures
from app.drawing.shown import Figure, Strip, Strips
from app.views import VIEWS, Views
from engine.analysis.tags import Tags
from engine.sites import units

view = VIEWS.add(Views("tags", "perturb"))


def _strip(found: Tags, step: int) -> Strip:
    marks, titles = [], []
    rows = zip(found.tokens, found.token_norms[step], found.said[0], found.said[step], found.sure[step], strict=True)
    for token, norm, before, now, sure in rows:
        marks.append(now if now == before else f"{before} → {now}")
        said = f"; {now} ({sure:.1%}), before {before}" if now else "; no word begins here"
        titles.append(f"{token}: ‖δ‖ = {norm:.4g} at step {step}{said}")
    heading = "Before" if not step else f"After step {step}"
    return Strip(found.tokens, found.token_norms[step], titles, found.special, heading, marks)


@view("tokens", "Tokens with their tags, as dark as far as the adversary moved them")
def tokens(found: Tags, *, step: int | None = None) -> Strips:
    """The tokens before the ascent and at one of its steps, on one scale; below each the tag that the model gives."""
    last = len(found.loss) - 1
    step = last if step is None else max(0, min(step, last))
    strips = [_strip(found, at) for at in dict.fromkeys((0, step))]
    return Strips(strips, max(max(row) for row in found.token_norms), unit=units(found.site))


@view("loss", "Loss over the ascent")
def loss(found: Tags) -> Figure:
    """The mean loss over the words."""
    return Figure(figures.lines({"loss": list(enumerate(found.loss))}, "ascent step", "loss (nats per word)"))


@view("held", "Tags that hold over the ascent")
def held(found: Tags) -> Figure:
    """How many words still have the tag that they had before."""
    words = [at for at, tag in enumerate(found.against) if tag]
    share = [
        (step, sum(said[at] == found.said[0][at] for at in words) / len(words)) for step, said in enumerate(found.said)
    ]
    made = figures.lines({"words": share}, "ascent step", "share of words that keep their tag")
    made.update_yaxes(range=[0, 1.05], tickformat=".0%")
    return Figure(made)


@view("every step", "Every token at every step")
def every_step(found: Tags) -> Figure:
    """‖δ^i‖ over tokens and steps."""
    return Figure(figures.token_heatmap(found.tokens, found.token_norms, units(found.site)))
