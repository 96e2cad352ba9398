"""How smooth a model is, example by example."""

from collections.abc import Mapping

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Strip, Strips, Table
from app.views import VIEWS, Views
from engine.analysis.smoothness import LEAST_SMOOTH, Example, Smoothness

view = VIEWS.add(Views("smoothness", "smoothness", several_models=True, prefix="smoothness-"))


def unit_of(regression: bool) -> str:
    """The name of ℓₛ with its unit."""
    return "ℓₛ (squared difference)" if regression else "ℓₛ (nats)"


@view("histogram", "ℓₛ of every example", several=True)
def histogram(found: Mapping[str, Smoothness], *, regression: bool = False) -> Figure:
    """How the examples differ in the worst direction; for a single model in a random one too."""
    groups = {}
    for name, each in found.items():
        groups[name if len(found) > 1 else "worst direction"] = each.worst
        if len(found) == 1:
            groups["random direction"] = [one.random for one in each.examples]
    return Figure(
        figures.histogram(
            groups,
            f"{unit_of(regression)}, in the worst direction" if len(found) > 1 else unit_of(regression),
            log=True,
        )
    )


def least(found: Mapping[str, Smoothness]) -> list[Example]:
    """The first model's least smooth examples, the least smooth one first."""
    return sorted(next(iter(found.values())).examples, key=lambda one: -one.adversarial)[:LEAST_SMOOTH]


@view("sentences", "The least smooth examples, in figures", several=True)
def sentences(found: Mapping[str, Smoothness]) -> Table:
    """ℓₛ of the first model's least smooth examples in the worst direction and in a random one."""
    rows = [
        {"ℓₛ, worst direction": one.adversarial, "random direction": one.random, "sentence": one.text}
        for one in least(found)
    ]
    return Table(pd.DataFrame(rows))


@view("least smooth", "The least smooth examples", several=True)
def least_smooth(found: Mapping[str, Smoothness], *, count: int = 8) -> Strips:
    """The first model's least smooth examples, each token coloured by what its part of the move does alone."""
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
        for one in least(found)[:count]
    ]
    return Strips(strips, 1.0, "ℓₛ of this token's move alone, as a share of the sentence's largest,", "")
