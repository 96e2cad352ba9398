"""CreAT: the climb also turns the encoder's hidden states away from the clean ones."""

from collections.abc import Callable

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional as F

from engine.methods import METHODS
from engine.methods.base import AscentSettings, Method, Variant
from engine.methods.passes import Pass, PerturbedBatch, Report, batch_seed
from engine.perturbation import ascend, gaussian_start, project
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class CreATSettings(AscentSettings):
    """Settings of CreAT; the defaults are the paper's."""

    epsilon: float | None = Field(default=0.1, ge=0, le=1e6)
    """Radius ε of the ball (embedding units, per sentence; paper: 0.1). None: no projection."""
    step_size: float = Field(default=0.1, ge=0, le=1e6)
    """Ascent step size α (paper: 0.1), in embedding units."""
    ascent_steps: int = Field(default=2, ge=1, le=50)
    """Ascent steps K (paper: 2; the code's adv_steps n is K = n - 1)."""
    start_sigma: float = Field(default=0.01, ge=0, le=1e6)
    """Standard deviation σ of the random start (paper: 0.01; its code: 1e-5)."""
    temperature: float = Field(default=1.0, ge=0)
    """τ, what the cosine of the hidden states counts beside the loss (paper: 1)."""
    variant: Variant = "paper"
    """code: as the published code: cosines summed over the tokens, and every step's δ added to those before it."""


@METHODS.add
class CreAT(Method[CreATSettings]):
    r"""Contextualised representation-adversarial training (Wu et al. 2023, section 3).

    δ₀ ~ N(0, σ²); K times δ ← Π_ε(δ + α g/‖g‖_F), g = ∇_δ [L(f(X + δ), y) - τ cos(h(X + δ), h(X))], h(X) held fixed;
    min_θ ½ (L(f(X), y) + L(f(X + δ), y)). h: the last hidden states (an encoder-decoder's encoder's); cos: the mean over the
    sentence's own tokens, since not every model answers from its first. The published code (`variant="code"`;
    github.com/gingasan/CreAT) sums over the tokens, and its inputs gather the steps: X + δ₀ + … + δ_K, which no ball holds.
    Cost of a step: 6 + 2K.

    Settings: those of PGD's ascent; start_sigma 0.01, temperature 1, variant "paper". Shapes: δ `[B, L, D]`.

    >>> from engine.methods.creat import CreAT
    >>> CreAT().floor
    10.0
    """

    name = "creat"
    year = 2023
    title = "CreAT"
    reference = "Wu et al., ICLR 2023, section 3"
    equation = r"\min_\theta\,\tfrac12\big(L(X)+L(X+\delta)\big),\;\delta=\arg\max_{\|\delta\|_F\le\epsilon} L(X+\delta)-\tau\cos\big(h(X+\delta),h(X)\big)"
    summary = "Climbs where both the loss grows and the encoder's hidden states turn away; learns from both sentences."
    Settings = CreATSettings
    takes_hidden = True

    @property
    def floor(self) -> float:
        """The clean pass, K for δ, and the last one."""
        return 6.0 + 2.0 * self.settings.ascent_steps

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """The clean pass, K passes for δ alone, the pass at δ; half of either loss."""
        clean = batch.forward(ascent=False)
        task = batch.loss(clean.logits)
        objective, report = self._objective(clean, batch), Report(task.detach())
        state = self.start(batch)
        for _ in range(self.settings.ascent_steps):
            attempt = batch.forward(self.total(state))
            report.record(self.total(state), batch.loss(attempt.logits.detach()))
            state = self.ascend(state, batch.input_gradient(objective(attempt).sum(), attempt), batch)
        moved = batch.forward(self.total(state), ascent=False)
        adversarial = batch.loss(moved.logits)
        report.record(self.total(state), adversarial)
        loss = 0.5 * (task + adversarial)
        batch.backward(loss * scale, clean, moved)
        report.loss = loss.detach()
        return report

    def start(self, batch: PerturbedBatch) -> tuple[Tensor, Tensor]:
        """(what is added to X, δ₀): the same at first; inside the ball, which the published code does not see to."""
        settings = self.settings
        noise = gaussian_start(batch.mask, batch.keys(), batch.like, sigma=settings.start_sigma, seed=batch_seed())
        noise = noise if settings.variant == "code" else project(noise, settings.epsilon, settings.norm)
        return noise, noise

    def total(self, state: tuple[Tensor, Tensor]) -> Tensor:
        """What is added to X."""
        return state[0]

    def ascend(self, state: tuple[Tensor, Tensor], gradient: Tensor, batch: PerturbedBatch) -> tuple[Tensor, Tensor]:
        """δ ← Π_ε(δ + α g/‖g‖); added to X alone, or (code) to what was added before."""
        settings = self.settings
        delta = ascend(state[1], gradient, step_size=settings.step_size, epsilon=settings.epsilon, norm=settings.norm)
        return (state[0] + delta if settings.variant == "code" else delta), delta

    def _objective(self, clean: Pass, batch: PerturbedBatch) -> Callable[[Pass], Tensor]:
        assert clean.hidden is not None
        fixed, own = clean.hidden.detach(), batch.attention.to(clean.hidden.dtype)
        if fixed.shape[1] != own.shape[1]:  # Funnel's states are fewer than the tokens: the first alone is compared.
            fixed, own = fixed[:, :1], torch.ones_like(own[:, :1])
        count = own.new_ones(len(own)) if self.settings.variant == "code" else own.sum(dim=1).clamp_min(1)

        def climbed(at: Pass) -> Tensor:
            assert at.hidden is not None
            cosines = F.cosine_similarity(at.hidden[:, : own.shape[1]], fixed, dim=-1) * own
            return batch.losses(at.logits) - self.settings.temperature * cosines.sum(dim=1) / count

        return climbed

    def ascent_objective(self, batch: PerturbedBatch) -> Callable[[Pass], Tensor]:
        """The loss less τ times the cosine with the clean hidden states, which are held fixed."""
        return self._objective(batch.at_rest, batch)
