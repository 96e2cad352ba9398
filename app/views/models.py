"""Views of a model: its smoothness, the landscape of its loss, its attributions, its map of a data set."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from app import figures, landscape_figures
from app.shown import Figure, Strip, Strips, Table
from app.views.base import view
from engine.analysis.smoothness import LEAST_SMOOTH

EPSILON = "ε (L∞, per coordinate, embedding units)"
COLOURS = {"label": "label", "prediction": "prediction", "prediction flips": "flips", "loss": "loss"}


def _unit(regression: bool) -> str:
    return "ℓₛ (squared difference)" if regression else "ℓₛ (nats)"


@view("smoothness", "histogram", "ℓₛ of every example", "smoothness", several=True)
def histogram(found: Mapping[str, Sequence[Any]], *, regression: bool = False) -> Figure:
    """How the examples differ; for a single model the random direction too."""
    groups = {}
    for name, each in found.items():
        groups[f"{name}, worst direction"] = [one.adversarial for one in each]
        if len(found) == 1:
            groups["random direction"] = [one.random for one in each]
    return Figure(figures.histogram(groups, _unit(regression), log=True))


@view("smoothness", "least smooth", "The least smooth examples", "smoothness", several=True)
def least_smooth(found: Mapping[str, Sequence[Any]], *, count: int = 8) -> Strips:
    """The first model's least smooth examples, each token coloured by what its part of the move does alone."""
    least = sorted(next(iter(found.values())), key=lambda one: -one.adversarial)[: min(count, LEAST_SMOOTH)]
    strips = [
        Strip(
            one.tokens,
            [effect / (max(one.token_effects) or 1.0) for effect in one.token_effects],
            [
                f"{token}: alone ℓₛ = {effect:.3g}; ‖δ‖ = {norm:.3g}"
                for token, effect, norm in zip(one.tokens, one.token_effects, one.token_norms, strict=True)
            ],
            heading=f"ℓₛ {one.adversarial:.3g} (random direction {one.random:.3g})",
        )
        for one in least
    ]
    return Strips(strips, 1.0, "ℓₛ of this token's move alone, as a share of the sentence's largest,", "")


@view("smoothness curve", "curve", "ℓₛ against ε, worst and random direction", "smoothness", several=True)
def curve(found: Mapping[str, Sequence[Mapping[str, float]]], *, regression: bool = False) -> Figure:
    """Means with 95 % bootstrap intervals."""
    curves, bands = {}, {}
    for name, rows in found.items():
        for kind, word in (("adversarial", "worst"), ("random", "random")):
            title = f"{name}, {word}"
            curves[title] = [(row["epsilon"], row[kind]) for row in rows]
            bands[title] = [(row[f"{kind}_low"], row[f"{kind}_high"]) for row in rows]
    return Figure(figures.lines(curves, EPSILON, f"mean {_unit(regression)}", bands=bands, log=True))


@view(
    "smoothness curve", "ratio", "How much worse the worst direction is than a random one", "smoothness", several=True
)
def ratio(found: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Worst over random, against ε."""
    curves = {name: [(row["epsilon"], row["ratio"]) for row in rows] for name, rows in found.items()}
    return Figure(figures.lines(curves, EPSILON, "worst / random", log=True))


@view("landscape", "contour", "The loss around a sentence", "landscape")
def contour(found: Any, *, height: str = "loss") -> Figure:
    """Contour lines, the ball and the paths."""
    return Figure(landscape_figures.contour(found, height))


@view("landscape", "surface", "The loss around a sentence, as a surface", "landscape")
def surface(found: Any, *, height: str = "loss") -> Figure:
    """The same as a surface."""
    return Figure(landscape_figures.surface(found, height))


@view("attribution", "tokens", "What each token adds, clean and perturbed", "attribution")
def attribution(found: Any, *, method: str = "the adversary") -> Figure:
    """Attributions side by side."""
    groups = {"clean": found.clean.values, f"perturbed by {method}": found.perturbed.values}
    return Figure(figures.token_bars(found.tokens, groups, "attribution (logits)"))


@view("attribution", "where", "Does the adversary go where the model looks?", "attribution")
def where(found: Any) -> Figure:
    """‖δ^i‖ against |attribution|, without special tokens."""
    kept = [at for at, special in enumerate(found.special) if not special]
    hover = [
        f"{found.tokens[at]}\n|attribution| {abs(found.clean.values[at]):.3g}\n‖δ‖ {found.token_norms[at]:.3g}"
        for at in kept
    ]
    return Figure(
        figures.scatter(
            [abs(found.clean.values[at]) for at in kept],
            [found.token_norms[at] for at in kept],
            "|attribution|, clean (logits)",
            "‖δ‖ (embedding units)",
            hover,
            height=320,
        )
    )


@view("map", "map", "Sentences, clean and perturbed", "projector")
def sentence_map(found: pd.DataFrame, *, colour: str = "label", method: str = "the adversary") -> Figure:
    """Each sentence as a point, joined to where it stands after the ascent."""
    table = found.assign(flips=np.where(found["prediction"] != found["perturbed_prediction"], "flips", "holds"))
    hover = [
        f"{row.text[:90]}\nlabel {row.label}, said {row.prediction}, after the ascent {row.perturbed_prediction}"
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


@view("map", "sentences", "The sentences of a map", "projector")
def sentences(found: pd.DataFrame, *, chosen: Sequence[int] = ()) -> Table:
    """Those chosen by their places, or all."""
    wanted = ["text", "label", "prediction", "perturbed_prediction", "loss", "perturbed_loss"]
    named = {"perturbed_prediction": "prediction after", "perturbed_loss": "loss after"}
    return Table(found.iloc[list(chosen) or range(len(found))][wanted].reset_index(drop=True).rename(columns=named))
