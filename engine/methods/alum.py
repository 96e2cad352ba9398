"""ALUM: as SMART, but the climb follows the one-sided KL, and neither side of the penalty pulls the other along."""

from pydantic import Field
from pydantic.dataclasses import dataclass

from engine.methods import METHODS
from engine.methods.passes import PerturbedBatch
from engine.methods.smart import SMART, SMARTSettings
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class ALUMSettings(SMARTSettings):
    """Settings of ALUM: those of SMART."""

    smoothness_weight: float = Field(default=1.0, ge=0)
    """α, the weight of the divergence (paper: 10 for pre-training, 1 for fine-tuning)."""
    bregman_weight: float = Field(default=0.0, ge=0)
    """μ of SMART's Bregman proximal term, which is no part of ALUM; 0 turns it off."""


@METHODS.add
class ALUM(SMART):
    r"""Adversarial training for large neural language models (Liu et al. 2020, Algorithm 1).

    min_θ L(f(X)) + α [KL(f(X) ‖ f(X + δ)) + KL(f(X + δ) ‖ f(X))], in each of the two what stands first is held fixed. Climb:
    δ₀ ~ N(0, σ²); K times δ ← Π_ε(δ + η g/‖g‖_∞), g = ∇_δ KL(f(X) ‖ f(X + δ)), f(X) held fixed. SMART climbs the symmetric KL, and
    its penalty moves both sides. All passes run in full precision. Cost of a step: 6 + 2K.

    Settings: those of SMART. Shapes: δ `[B, L, D]`.

    >>> from engine.methods.alum import ALUM
    >>> ALUM().floor
    8.0
    """

    name = "alum"
    year = 2020
    title = "ALUM"
    reference = "Liu et al., arXiv 2004.08994, Algorithm 1"
    equation = r"\min_\theta\; L+\alpha\max_{\|\delta\|_\infty\le\epsilon}\big[KL(\bar f(X)\,\|\,f(X+\delta))+KL(\bar f(X+\delta)\,\|\,f(X))\big]"
    summary = "Climbs where the output leaves the clean one, and pulls either towards the other, held fixed in turn."
    Settings = ALUMSettings

    def is_symmetric(self, batch: PerturbedBatch) -> bool:
        """Never: one side is always held fixed."""
        return False
