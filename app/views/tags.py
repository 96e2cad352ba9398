"""A sentence's tags under a method's ascent."""

from app.drawing import figures, token_figures
from app.drawing.shown import Figure, Frame, Strips, stepped
from app.views import VIEWS, Views
from engine.analysis.tags import Tags
from engine.sites import units

view = VIEWS.add(Views("tags", "perturb"))


def _frame(found: Tags, step: int) -> Frame:
    rows = list(zip(found.said[0], found.said[step], found.sure[step], strict=True))
    marks = [now if now == before else f"{before} → {now}" for before, now, _ in rows]
    titles = [f"{now} ({sure:.1%}), before {before}" if now else "no word begins here" for before, now, sure in rows]
    return Frame(found.token_norms[step], marks, titles)


@view("tokens", "Tokens with their tags, as dark as far as the adversary moved them")
def tokens(found: Tags, *, step: int | None = None, token: int | None = None) -> Strips:
    """The tokens before the ascent and at one of its steps, on one scale; below each the tag that the model gives."""
    frames = [_frame(found, at) for at in range(len(found.loss))]
    blank = [""] * len(found.tokens)
    strips = [stepped(frames[:1], 0, found.tokens, blank, faded=found.special, heading="Before")]
    if len(frames) > 1:
        strips.append(stepped(frames, step, found.tokens, blank, faded=found.special, heading="After the ascent step"))
    largest = max(max(row) for row in found.token_norms)
    return Strips(
        strips,
        largest,
        unit=units(found.site),
        step=step,
        said=[f"loss {loss:.4g} nats per word" for loss in found.loss],
        chosen=token,
    )


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
def every_step(found: Tags, *, token: int | None = None) -> Figure:
    """‖δ^i‖ over tokens and steps. `token`: the place of one that stands out."""
    return Figure(token_figures.token_heatmap(found.tokens, found.token_norms, units(found.site), token))
