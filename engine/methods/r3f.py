"""R3F: no ascent; the output must not move under tiny random noise."""

from contextlib import nullcontext
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.base import Method
from engine.methods.losses import divergence
from engine.methods.passes import PerturbedBatch, Report, batch_seed
from engine.methods.spectral import normalised_head
from engine.perturbation import example_noise
from engine.settings import CONFIG, Settings
from engine.sites import EMBEDDINGS, SiteName


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class R3FSettings(Settings):
    """Settings of R3F; the defaults are the paper's."""

    magnitude: float = Field(default=1e-5, ge=0, le=1e6)
    """σ of the noise: U(-σ, σ) or N(0, σ²) on every number (paper: 1e-5), in embedding units."""
    distribution: Literal["uniform", "normal"] = "uniform"
    """What the noise is drawn from."""
    smoothness_weight: float = Field(default=1.0, ge=0)
    """λ, the weight of the divergence (paper: 0.1 to 5)."""
    spectral_norm: bool = False
    """R4F: the weight W of the head's last layer is used as W/σ(W), σ its largest singular value."""
    perturb_special_tokens: bool = True
    """Perturb [CLS] and [SEP] too, as the paper does."""
    site: SiteName = EMBEDDINGS
    """Where the noise enters: embeddings, or layer:N, the hidden states that go into block N (from 0)."""


@METHODS.add
class R3F(Method[R3FSettings]):
    r"""Robust representations through regularised finetuning (Aghajanyan et al. 2021, eq. (2)).

    min_θ L(f(X)) + λ KL_S(f(X) ‖ f(X + z)), z uniform or normal, KL_S symmetrised (squared difference for scores). Nothing is
    climbed: δ is noise. Both passes run in full precision, without autocast or TF32, since their outputs are nearly equal; with
    dropout on they differ by their masks far more than by z, as in the published code. Cost of a step: 6 (3 with λ = 0).

    R4F (section 3.2; `spectral_norm`): the head's last weight is divided by its largest singular value. W is set to W/σ(W) before a
    step, which changes no output of W/σ(W), so that the model as it is saved is the model that was trained, to the last step.

    Settings: magnitude 1e-5, distribution "uniform" (or "normal"), smoothness_weight 1, spectral_norm False, perturb_special_tokens
    True. Shapes: z `[B, L, D]`.

    >>> from engine.methods.r3f import R3F
    >>> R3F().floor
    6.0
    """

    name = "r3f"
    year = 2021
    title = "R3F"
    reference = "Aghajanyan et al., ICLR 2021, eq. (2)"
    equation = r"\min_\theta\; L(f_\theta(X),y)+\lambda\, KL_S\big(f_\theta(X)\,\|\,f_\theta(X+z)\big),\quad z\sim U(-\sigma,\sigma)\ \text{or}\ N(0,\sigma^2)"
    summary = "Adds noise instead of climbing, and is punished where the output moves with it."
    Settings = R3FSettings
    perturbs = False
    takes_gradient = False
    takes_differences = True

    @property
    def floor(self) -> float:
        """Two passes forward and back; one with λ = 0."""
        return 6.0 if self.settings.smoothness_weight else 3.0

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """The clean pass, the noisy pass, one backward for both."""
        with normalised_head(batch.model) if self.settings.spectral_norm else nullcontext():
            return self._accumulate(batch, scale)

    def _accumulate(self, batch: PerturbedBatch, scale: float) -> Report:
        weight = self.settings.smoothness_weight
        clean = batch.forward(ascent=False)
        loss = batch.loss(clean.logits)
        report, passes = Report(loss.detach()), [clean]
        if weight:
            noise = self.start(batch)
            moved = batch.forward(noise, ascent=False)
            smoothness = divergence(moved.logits, clean.logits, batch.problem, batch.labels).mean()
            report.record(noise, batch.loss(moved.logits.detach()))
            report.figures["smoothness_kl"] = smoothness.detach()
            loss = loss + weight * smoothness
            passes.append(moved)
        batch.backward(loss * scale, *passes)
        report.loss = loss.detach()
        return report

    def start(self, batch: PerturbedBatch) -> Tensor:
        """The noise on the tokens that may be perturbed."""
        settings = self.settings
        normal = settings.distribution == "normal"
        return settings.magnitude * example_noise(
            batch.mask, batch.keys(), batch.like, seed=batch_seed(), normal=normal
        )
