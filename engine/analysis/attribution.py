"""Which tokens a model's output rests on, by Captum, for the clean and for the perturbed input."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import LayerGradientShap, LayerGradientXActivation, LayerIntegratedGradients, Occlusion
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor, nn

from engine.analysis import Result, analysis
from engine.anatomy import word_embeddings
from engine.ascent import climb
from engine.errors import known
from engine.perturbation import token_norms
from engine.progress import Progress
from engine.settings import CONFIG
from engine.sites import EMBEDDINGS, Site, site_of
from engine.subjects.classifier import Classifier
from engine.subjects.sentences import Ascent, resolve_label
from engine.tables import columns

ALGORITHMS = {
    "integrated gradients": "Sundararajan et al. 2017: the gradient, averaged on the way from the baseline, × the way.",
    "gradient × input": "The gradient at the input times the input; one pass.",
    "gradient SHAP": "Lundberg and Lee 2017: the gradient at random points of the way from the baseline, × the way.",
    "occlusion": "What the output loses when one token's embedding is replaced by the baseline's.",
}


class _FromEmbeddings(nn.Module):
    """The model as a function of one example's word embeddings; attributions are taken where they enter, at `inputs`.

    `held`: a δ further inside that stays as it is, and where.
    """

    def __init__(self, model: Any, batch: Mapping[str, Tensor], held: tuple[Site, Tensor] | None) -> None:
        super().__init__()
        self.model, self.inputs, self.held = model, nn.Identity(), held
        self.batch = {name: each for name, each in batch.items() if name != "labels"}
        self.site = site_of(model, EMBEDDINGS, self.batch)

    def forward(self, embeddings: Tensor) -> Tensor:
        rows = {name: each.expand(len(embeddings), *each.shape[1:]) for name, each in self.batch.items()}
        with ExitStack() as stack:
            stack.enter_context(self.site.putting(self.inputs(embeddings)))
            if self.held is not None:
                site, delta = self.held
                stack.enter_context(site.adding(delta.expand(len(embeddings), -1, -1)))
            logits: Tensor = self.model(**rows).logits
        return logits


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    # Captum draws from numpy's global state.
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


@dataclass(frozen=True)
class Attribution:
    """What each token adds to the logit of one class (for regression: to the score).

    Attributes:
        values: [L], in logits.
        output: the logit at the input.
        baseline: the logit at the baseline, in which every token but the special ones is replaced by the padding
            token's embedding.
        gap: Σ values - (output - baseline), 0 where an algorithm is complete.
        convergence: Captum's own convergence delta (None: it gives none).
    """

    values: list[float]
    output: float
    baseline: float
    gap: float
    convergence: float | None


def attribute(
    classifier: Classifier,
    batch: dict[str, Tensor],
    delta: Tensor | None = None,
    algorithm: str = "integrated gradients",
    *,
    site: str = EMBEDDINGS,
    target: int = 0,
    steps: int = 50,
    seed: int = 0,
) -> Attribution:
    """Attribute the logit of class `target` to the tokens of one example, at X + δ.

    Args:
        batch: of one example.
        delta: δ `[1, L, D]`, or None for the clean input.
        site: where δ enters. Attributions are of the words all the same: a δ further inside stays as it is.
        algorithm: one of `ALGORITHMS`.
        steps: points of the integral (integrated gradients) or samples (gradient SHAP).
        seed: of gradient SHAP.

    Raises:
        UserError: unknown algorithm.
    """
    known("attribution algorithm", algorithm, list(ALGORITHMS))
    ids, look_up = batch["input_ids"], word_embeddings(classifier.model)
    special = torch.isin(ids, torch.tensor(classifier.tokenizer.all_special_ids, device=ids.device))
    blank = look_up(torch.where(special, ids, torch.full_like(ids, classifier.tokenizer.pad_token_id or 0))).detach()
    moved = delta is not None and site == EMBEDDINGS
    inputs = look_up(ids).detach() + delta if moved else look_up(ids).detach()
    held = None if moved or delta is None else (site_of(classifier.model, site, batch), delta)
    function = _FromEmbeddings(classifier.model, batch, held)
    shared: dict[str, Any] = {"target": target}
    convergence: float | None = None
    with _seeded(seed):
        if algorithm == "integrated gradients":
            found, gaps = LayerIntegratedGradients(function, function.inputs).attribute(
                inputs, blank, n_steps=steps, internal_batch_size=32, return_convergence_delta=True, **shared
            )
            convergence = float(gaps.sum())
        elif algorithm == "gradient SHAP":
            found, gaps = LayerGradientShap(function, function.inputs).attribute(
                inputs, blank, n_samples=steps, stdevs=0.0, return_convergence_delta=True, **shared
            )
            convergence = float(gaps.mean())
        elif algorithm == "gradient × input":
            found = LayerGradientXActivation(function, function.inputs).attribute(inputs, **shared)
        else:  # The window covers all D coordinates of a token; each of them then holds the token's whole effect.
            window = (1, inputs.shape[-1])
            found = Occlusion(function).attribute(inputs, window, baselines=blank, **shared)[..., :1]
    with torch.no_grad():
        output, baseline = (float(function(each)[0, target]) for each in (inputs, blank))
    values = found.detach().sum(dim=-1)[0]
    return Attribution(values.tolist(), output, baseline, float(values.sum()) - (output - baseline), convergence)


@dataclass(frozen=True)
class Comparison(Result):
    """Attributions of one example before and after a method's ascent, and how far it moved each token.

    Attributes:
        tokens: [L], the tokenizer's.
        special: [L], whether each is a special token.
        token_norms: [L], ‖δ^i‖_2 at the end.
        label: the class (or score) that the loss is against.
        rank_correlation: Spearman's ρ between |attribution| of the clean input and ‖δ^i‖, special tokens left out;
            NaN for fewer than 3 tokens or where one of them is constant.
    """

    tokens: list[str]
    special: list[bool]
    token_norms: list[float]
    label: int | float
    clean: Attribution
    perturbed: Attribution
    rank_correlation: float
    truncated: bool

    def text(self) -> str:
        """Token by token."""
        rows = [
            (token, f"{clean:.4f}", f"{perturbed:.4f}", f"{norm:.4f}")
            for token, clean, perturbed, norm in zip(
                self.tokens, self.clean.values, self.perturbed.values, self.token_norms, strict=True
            )
        ]
        text = columns(rows, ("token", "clean", "perturbed", "|delta|"))
        return f"{text}\n\nrank correlation of |clean| and |delta|: {self.rank_correlation:.3f}"


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class AttributionSettings(Ascent):
    """A sentence, a method and an algorithm of Captum's."""

    algorithm: str = Field(default="integrated gradients", json_schema_extra={"enum": list(ALGORITHMS)})
    """integrated gradients, gradient × input, gradient SHAP or occlusion (by Captum)."""
    points: int = Field(default=50, ge=1, le=1000)
    """Points of the integral (integrated gradients), or samples (gradient SHAP)."""

    @field_validator("algorithm")
    @classmethod
    def _there_is(cls, given: str) -> str:
        return known("attribution algorithm", given, list(ALGORITHMS))


@analysis("attribution", "Attribution, clean and perturbed", AttributionSettings, many=True)
def attribution(classifier: Classifier, asked: AttributionSettings, progress: Progress = None) -> Comparison:
    """Attribute the label's logit at X and at X + δ_K of the method: does the adversary go where the model looks?"""
    method, seed = asked.adversary(classifier), asked.seed
    encoded = asked.encoded(classifier)
    batch = encoded.batch
    labels, _ = resolve_label(classifier, asked.label, batch)
    target = 0 if classifier.is_regression else int(labels[0])
    count, site = getattr(method.settings, "ascent_steps", 1), getattr(method.settings, "site", EMBEDDINGS)
    delta = climb(method, classifier.model, {**batch, "labels": labels}, steps=count, seed=seed)[-1].delta
    clean, perturbed = (
        attribute(classifier, batch, each, asked.algorithm, site=site, target=target, steps=asked.points, seed=seed)
        for each in (None, delta)
    )
    ids = encoded.ids.tolist()
    special = [token in set(classifier.tokenizer.all_special_ids) for token in ids]
    norms = token_norms(delta)[0].tolist()
    return Comparison(
        classifier.tokenizer.convert_ids_to_tokens(ids),
        special,
        norms,
        labels[0].item(),
        clean,
        perturbed,
        rank_correlation(clean.values, norms, special),
        encoded.truncated,
    )


def rank_correlation(values: list[float], norms: list[float], special: list[bool]) -> float:
    """Spearman's ρ between |values| and norms over the tokens that are not special."""
    from scipy import stats

    chosen = [(abs(value), norm) for value, norm, skip in zip(values, norms, special, strict=True) if not skip]
    if len(chosen) < 3 or len({value for value, _ in chosen}) == 1 or len({norm for _, norm in chosen}) == 1:
        return float("nan")
    return float(stats.spearmanr(*zip(*chosen, strict=True)).statistic)
