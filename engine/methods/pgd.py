"""K-PGD: K ascent steps, then one update from the last gradient alone."""

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods.base import AscentSettings, Method
from engine.methods.passes import EmbeddedBatch, Report, batch_seed
from engine.perturbation import ascend, project, uniform_start
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class PGDSettings(AscentSettings):
    """Settings of PGD. K = 1 with ε = α is FGM."""

    start_magnitude: float = Field(default=0.0, ge=0)
    """Random start U(-ε₀, ε₀)/√N; 0 starts at δ = 0, as in the slides."""
    clean_loss_weight: float = Field(default=0.0, ge=0)
    """Weight of the clean loss, added to the adversarial one (0: only adversarial examples)."""


class PGD(Method[PGDSettings]):
    r"""Projected gradient descent on word embeddings (Madry et al. 2018; slides eq. (2)).

    δ_{t+1} = Π_{‖δ‖_F ≤ ε}(δ_t + α g(δ_t) / ‖g(δ_t)‖_F), K times; then one update from ∇_θ L(f(X + δ_K), y).
    The ascent passes compute no gradients of parameters. Cost of a step: 2K + 3 (+3 with the clean loss).

    Settings: epsilon 0.5, step_size 0.05, ascent_steps 3, start_magnitude 0 (random start off),
    clean_loss_weight 0, perturb_special_tokens True. Shapes: δ `[B, L, D]`, Frobenius norm per example.

    >>> from engine.methods.pgd import PGD
    >>> PGD(ascent_steps=3).floor
    9.0
    """

    name = "pgd"
    title = "PGD"
    reference = "Madry et al., ICLR 2018; slides eq. (2)"
    equation = r"\delta_{t+1}=\Pi_{\|\delta\|_F\le\epsilon}\left(\delta_t+\alpha\, g(\delta_t)/\|g(\delta_t)\|_F\right)"
    summary = "Climbs K steps towards the worst δ in the ball, then learns from that last δ only."
    Settings = PGDSettings

    @property
    def floor(self) -> float:
        """2K + 3, and 3 more for the clean loss."""
        return 2.0 * self.settings.ascent_steps + 3 + (3 if self.settings.clean_loss_weight else 0)

    def accumulate(self, batch: EmbeddedBatch, scale: float, micro_batch: int) -> Report:
        """K passes for δ alone, then the pass that θ learns from."""
        report = Report(batch.embeddings.new_zeros(()))
        delta = self.start(batch)
        for _ in range(self.settings.ascent_steps):
            attempt = batch.forward(delta)
            losses = batch.losses(attempt.logits)
            report.record(delta, losses.mean())
            delta = self.ascend(delta, batch.input_gradient(losses.sum(), attempt), batch)
        final = batch.forward(delta, ascent=False)
        loss = batch.losses(final.logits).mean()
        batch.backward(loss * scale, final)
        report.record(delta, loss)
        report.loss = loss.detach() + batch.add_clean_loss(self.settings.clean_loss_weight, scale)
        return report

    def start(self, batch: EmbeddedBatch) -> Tensor:
        """δ_0 = 0, or the random start."""
        settings = self.settings
        if not settings.start_magnitude:
            return super().start(batch)
        start = uniform_start(
            batch.mask, batch.keys(), batch.embeddings, magnitude=settings.start_magnitude, seed=batch_seed()
        )
        return project(start, settings.epsilon)

    def ascend(self, state: Tensor, gradient: Tensor, batch: EmbeddedBatch) -> Tensor:
        """Slides eq. (2)."""
        return ascend(state, gradient, step_size=self.settings.step_size, epsilon=self.settings.epsilon)
