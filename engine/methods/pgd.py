"""K-PGD: K ascent steps, then one update from the last gradient alone."""

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.base import AscentSettings, Method, Variant
from engine.methods.passes import PerturbedBatch, Report, random_start
from engine.methods.presets import of_scripts, published
from engine.perturbation import ascend
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class PGDSettings(AscentSettings):
    """Settings of PGD. K = 1 with ε = α is FGM."""

    start_magnitude: float = Field(default=0.0, ge=0, le=1e6)
    """Random start U(-ε₀, ε₀)/√N (L∞: U(-ε₀, ε₀)); 0 starts at δ = 0, as in the slides."""
    project_start: bool = True
    """Keep the random start inside the ball; the published code does not."""
    clean_loss_weight: float = Field(default=0.0, ge=0)
    """Weight of the clean loss, added to the adversarial one (0: only adversarial examples)."""
    variant: Variant = "paper"
    """code: as FreeLB's published code: a random start may lie outside the ball."""


@METHODS.add
class PGD(Method[PGDSettings]):
    r"""Projected gradient descent on word embeddings (Madry et al. 2018; slides eq. (2)).

    δ_{t+1} = Π_{‖δ‖_F ≤ ε}(δ_t + α g(δ_t) / ‖g(δ_t)‖_F), K times; then one update from ∇_θ L(f(X + δ_K), y).
    The ascent passes compute no gradients of parameters. Cost of a step: 2K + 3 (+3 with the clean loss).

    Settings: epsilon 0.5, step_size 0.05, ascent_steps 3, start_magnitude 0 (random start off), project_start True,
    norm "frobenius" (or "max": L∞), clean_loss_weight 0, variant "paper", perturb_special_tokens True. Shapes: δ `[B, L, D]`, norms per
    example. Presets: the published launch scripts (github.com/zhuchen03/FreeLB, fairseq-RoBERTa/launch/VanillaPGD), whose
    `--adv-steps n` is K = n ascent steps.

    >>> from engine.methods.pgd import PGD
    >>> PGD(ascent_steps=3).floor
    9.0
    """

    name = "pgd"
    year = 2018
    title = "PGD"
    reference = "Madry et al., ICLR 2018; slides eq. (2)"
    equation = r"\delta_{t+1}=\Pi_{\|\delta\|_F\le\epsilon}\left(\delta_t+\alpha\, g(\delta_t)/\|g(\delta_t)\|_F\right)"
    summary = "Climbs K steps towards the worst δ in the ball, then learns from that last δ only."
    Settings = PGDSettings
    presets, preset_runs = of_scripts(
        {
            "RoBERTa-large CoLA": published(1e-05, 3, 0.05, 0.4, 0.2),
            "RoBERTa-large MNLI": published(1e-05, 2, 0.1, 0.2, 0.2),
            "RoBERTa-large MRPC": published(5e-06, 3, 0.04, 0.64, 0.4),
            "RoBERTa-large QQP": published(1e-05, 2, 0.15, 0.32, 0.62),
            "RoBERTa-large SST-2": published(1e-05, 2, 0.1, 1.0, 0.6),
            "RoBERTa-large STS-B": published(2e-05, 3, 0.1, 0.16, 0.28),
        }
    )

    @property
    def floor(self) -> float:
        """2K + 3, and 3 more for the clean loss."""
        return 2.0 * self.settings.ascent_steps + 3 + (3 if self.settings.clean_loss_weight else 0)

    @property
    def reach(self) -> float | None:
        """ε₀ + K α."""
        own = self.settings
        return own.start_magnitude + own.ascent_steps * own.step_size if own.norm == "frobenius" else None

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """K passes for δ alone, then the pass that θ learns from."""
        report = Report(batch.like.new_zeros(()))
        delta = self.start(batch)
        for _ in range(self.settings.ascent_steps):
            attempt = batch.forward(delta)
            losses = batch.losses(attempt.logits)
            report.record(delta, batch.mean(losses))
            delta = self.ascend(delta, batch.input_gradient(losses.sum(), attempt), batch)
        final = batch.forward(delta, ascent=False)
        loss = batch.loss(final.logits)
        batch.backward(loss * scale, final)
        report.record(delta, loss)
        report.loss = loss.detach() + batch.add_clean_loss(self.settings.clean_loss_weight, scale)
        return report

    def start(self, batch: PerturbedBatch) -> Tensor:
        """δ_0 = 0, or the random start."""
        settings = self.settings
        if not settings.start_magnitude:
            return super().start(batch)
        return random_start(batch, settings)

    def ascend(self, state: Tensor, gradient: Tensor, batch: PerturbedBatch) -> Tensor:
        """Slides eq. (2)."""
        settings = self.settings
        return ascend(state, gradient, step_size=settings.step_size, epsilon=settings.epsilon, norm=settings.norm)
