"""δ on its way through the blocks."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from app.drawing import figures, token_figures
from app.drawing.figures import escape
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.layers import Layers

HOVER = "what goes into %{y}<br>%{customdata}<br>moved by %{text:.2%}"
view = VIEWS.add(Views("layers", "perturb", part="Through the layers"))


def _places(found: Layers) -> list[str]:
    """A state's name is the site where it goes in; the last one goes into the head."""
    return [*(f"layer:{block}" for block in range(len(found.moved) - 1)), "head"]


@view("moved", "How far every token's hidden state moves")
def moved(found: Layers, *, token: int | None = None) -> Figure:
    """‖h' - h‖ / ‖h‖ over tokens (across) and blocks (upwards). `token`: the place of one that stands out."""
    made = figures.heatmap(
        found.tokens,
        _places(found),
        found.moved,
        "token",
        "hidden states",
        "‖h′−h‖ / ‖h‖",
        HOVER,
        log=True,
    )
    # What a click chooses: cells of a heat map cannot be chosen, points can.
    cells = [(at, place) for place in range(len(found.moved)) for at in range(len(found.tokens))]
    names = _places(found)
    made.add_scatter(
        x=[at for at, _ in cells],
        y=[names[place] for _, place in cells],
        customdata=[[escape(found.tokens[at]), at, place] for at, place in cells],
        text=[found.moved[place][at] for at, place in cells],
        mode="markers",
        marker={"symbol": "square", "size": 16, "opacity": 0},
        hovertemplate=f"{HOVER.replace('customdata', 'customdata[0]')}<extra></extra>",
        showlegend=False,
    )
    return Figure(token_figures.outlined(made, token))


@view("token", "One token through the layers")
def token(found: Layers, *, place: int = 0) -> Table:
    """What δ does to one token's hidden state at every block, and what the head says there."""
    place = max(0, min(place, len(found.tokens) - 1))
    rows = [
        {
            "goes into": name,
            "‖h′−h‖ / ‖h‖": moved[place],
            "place among the tokens": sorted(moved, reverse=True).index(moved[place]) + 1,
            **{f"{label}, clean": value for label, value in zip(found.labels, clean, strict=True)},
            **{f"{label}, perturbed": value for label, value in zip(found.labels, perturbed, strict=True)},
        }
        for name, moved, clean, perturbed in zip(_places(found), found.moved, found.clean, found.perturbed, strict=True)
    ]
    return Table(pd.DataFrame(rows))


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
