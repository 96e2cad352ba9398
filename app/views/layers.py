"""δ on its way through the blocks."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.layers import Layers

view = VIEWS.add(Views("layers", "perturb", part="Through the layers"))


def _places(found: Layers) -> list[str]:
    """A state's name is the site where it goes in; the last one goes into the head."""
    return [*(f"layer:{block}" for block in range(len(found.moved) - 1)), "head"]


@view("moved", "How far every token's hidden state moves")
def moved(found: Layers) -> Figure:
    """‖h' - h‖ / ‖h‖ over tokens (across) and blocks (upwards)."""
    made = figures.heatmap(
        found.tokens,
        _places(found),
        found.moved,
        "token",
        "hidden states",
        "‖h′−h‖ / ‖h‖",
        "what goes into %{y}<br>%{customdata}<br>moved by %{text:.2%}",
        log=True,
    )
    return Figure(made)


@view("heads", "How much the attention of every head changes")
def heads(found: Layers) -> Figure:
    """Total variation of the attention over heads (across) and blocks (upwards)."""
    names = [str(head) for head in range(len(found.heads[0]))] if found.heads else []
    blocks = [f"block {block}" for block in range(len(found.heads))]
    hover = "%{y}, head %{customdata}<br>%{text:.1%} of its attention goes elsewhere"
    return Figure(figures.heatmap(names, blocks, found.heads, "attention head", "block", "share moved", hover))


@view("prediction", "What the classifier's head says at every block")
def prediction(found: Layers) -> Figure:
    """The label's probabilities read off every state, clean and perturbed."""
    classes: Sequence[int] = range(1, 2) if len(found.labels) == 2 else range(len(found.labels))
    classes = [0] if len(found.labels) == 1 else classes
    curves = {
        f"{found.labels[place]}, {word}": [(at, row[place]) for at, row in enumerate(rows)]
        for place in classes
        for word, rows in (("clean", found.clean), ("perturbed", found.perturbed))
    }
    what = "score" if len(found.labels) == 1 else "probability"
    made: go.Figure = figures.lines(curves, "read off what goes into", what)
    made.update_xaxes(tickvals=list(range(len(found.moved))), ticktext=_places(found))
    return Figure(made)
