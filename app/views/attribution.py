"""What the output rests on."""

from app.drawing import figures, token_figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.attribution import Comparison

view = VIEWS.add(Views("attribution", "attribution", several_models=True))


@view("tokens", "What each token adds, clean and perturbed")
def attribution(found: Comparison, *, method: str = "the adversary", token: int | None = None) -> Figure:
    """Attributions side by side. `token`: the place of one that stands out."""
    groups = {"clean": found.clean.values, f"perturbed by {method}": found.perturbed.values}
    return Figure(token_figures.token_bars(found.tokens, groups, "attribution (logits)", chosen=token))


@view("where", "Does the adversary go where the model looks?")
def where(found: Comparison) -> Figure:
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
            "‖δ‖ (units of where δ enters)",
            hover,
            height=320,
        )
    )
