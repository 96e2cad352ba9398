"""A map of sentences."""

from collections.abc import Sequence

import numpy as np

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.map import SentenceMap

view = VIEWS.add(Views("map", "projector"))

COLOURS = {"label": "label", "prediction": "prediction", "prediction flips": "flips", "loss": "loss"}


@view("map", "Sentences, clean and perturbed")
def sentence_map(found: SentenceMap, *, colour: str = "label", method: str = "the adversary") -> Figure:
    """Each sentence as a point, joined to where it stands after the ascent."""
    table = found.table
    table = table.assign(flips=np.where(table["prediction"] != table["perturbed_prediction"], "flips", "holds"))
    hover = [
        f"{row.text[:90]}\nlabel {row.label}, predicted {row.prediction}, after the ascent {row.perturbed_prediction}"
        f"\nloss {row.loss:.3f}, after the ascent {row.perturbed_loss:.3f}"
        for row in table.itertuples()
    ]
    made = figures.scatter(
        table["x"].tolist(), table["y"].tolist(), "UMAP 1 (no unit)", "UMAP 2 (no unit)", hover,
        colour=table[COLOURS[colour]].tolist(), colour_title=colour, height=560,
    )  # fmt: skip
    across = [value for row in table.itertuples() for value in (row.x, row.perturbed_x, None)]
    up = [value for row in table.itertuples() for value in (row.y, row.perturbed_y, None)]
    made.add_scatter(
        x=across, y=up, mode="lines", line={"color": "rgba(136,136,136,0.5)", "width": 1}, hoverinfo="skip",
        name=f"to where {figures.escape(method)} moved it",
    )  # fmt: skip
    made.add_scatter(
        x=table["perturbed_x"].tolist(), y=table["perturbed_y"].tolist(), mode="markers", hoverinfo="skip",
        marker={"size": 5, "symbol": "circle-open", "color": "#888888"}, name="after the ascent",
    )  # fmt: skip
    made.update_layout(dragmode="lasso", showlegend=True)
    return Figure(made)


@view("sentences", "The sentences of a map")
def sentences(found: SentenceMap, *, chosen: Sequence[int] = ()) -> Table:
    """Those chosen by their places, or all."""
    wanted = ["text", "label", "prediction", "perturbed_prediction", "loss", "perturbed_loss"]
    named = {"perturbed_prediction": "prediction after", "perturbed_loss": "loss after"}
    table = found.table
    return Table(table.iloc[list(chosen) or range(len(table))][wanted].reset_index(drop=True).rename(columns=named))
