"""FreeLB: the gradient of θ is averaged over the K points of the ascent path."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods.base import AscentSettings, Method
from engine.methods.passes import EmbeddedBatch, FixedDropout, Report, batch_seed
from engine.perturbation import ascend, project, uniform_start
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class FreeLBSettings(AscentSettings):
    """Settings of FreeLB (and, with a table, of TextAT)."""

    start_magnitude: float = Field(default=0.3, ge=0)
    """Random start U(-ε₀, ε₀)/√N (ε₀ in FreeLB's scripts: 0 to 0.6)."""
    fixed_dropout: bool = True
    """The same dropout mask in all K passes of a batch, as in the paper; the published code draws new ones."""
    clean_loss_weight: float = Field(default=0.0, ge=0)
    """Weight of the clean loss, added to the adversarial one (0: only adversarial examples, as in the paper)."""


class FreeLB(Method[FreeLBSettings]):
    r"""Free large-batch adversarial training (Zhu et al., ICLR 2020, Algorithm 1).

    δ_0 = U(-ε_0, ε_0)/√N_δ. K times: add (1/K) ∇_θ L(f(X + δ_{t-1}), y), and from the same backward pass
    δ_t = Π_ε(δ_{t-1} + α g/‖g‖_F). The ascent after the K-th pass is not needed and not computed.
    Cost of a step: 3K. Unlike the published code, the dropout mask is the same in all K passes, as section 3.3
    says (`fixed_dropout=False` gives the code's behaviour), and δ_0 never leaves the ball.

    Settings: epsilon 0.5 (None: the published scripts do not project), step_size 0.05, ascent_steps 3,
    start_magnitude 0.3, fixed_dropout True, clean_loss_weight 0, perturb_special_tokens True.
    Shapes: δ `[B, L, D]`, N_δ = (Σ M_i)·D per example.

    >>> from engine.methods.freelb import FreeLB
    >>> FreeLB(ascent_steps=3).floor
    9.0
    """

    name = "freelb"
    title = "FreeLB"
    reference = "Zhu et al., ICLR 2020, Algorithm 1"
    equation = (
        r"g_t=g_{t-1}+\tfrac1K\,\mathbb{E}\,\nabla_\theta L(f_\theta(X+\delta_{t-1}),y),\qquad "
        r"\delta_t=\Pi_{\|\delta\|_F\le\epsilon}\left(\delta_{t-1}+\alpha\, g_{adv}/\|g_{adv}\|_F\right)"
    )
    summary = "Learns from every point of the climb: the gradients of the K steps are averaged, none is wasted."
    Settings: type[Any] = FreeLBSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "RoBERTa-large SST-2": {"ascent_steps": 2, "step_size": 1e-1, "start_magnitude": 6e-1, "epsilon": None},
        "RoBERTa-large MRPC": {"ascent_steps": 3, "step_size": 4e-2, "start_magnitude": 4e-1, "epsilon": None},
        "RoBERTa-large CoLA": {"ascent_steps": 3, "step_size": 2.5e-2, "start_magnitude": 3e-1, "epsilon": None},
        "ALBERT-xxlarge SST-2": {"ascent_steps": 2, "step_size": 1e-1, "start_magnitude": 6e-1, "epsilon": None},
        "ALBERT-xxlarge MRPC": {"ascent_steps": 4, "step_size": 3e-2, "start_magnitude": 0.0, "epsilon": None},
        "ALBERT-xxlarge CoLA": {"ascent_steps": 3, "step_size": 4e-2, "start_magnitude": 5e-2, "epsilon": None},
        "ALBERT-xxlarge STS-B": {"ascent_steps": 3, "step_size": 1e-1, "start_magnitude": 2e-1, "epsilon": None},
        "ALBERT-xxlarge MNLI": {"ascent_steps": 3, "step_size": 4e-2, "start_magnitude": 8e-2, "epsilon": None},
        "ALBERT-xxlarge QQP": {"ascent_steps": 3, "step_size": 2e-1, "start_magnitude": 3.2e-1, "epsilon": 7e-1},
        "ALBERT-xxlarge RTE": {"ascent_steps": 3, "step_size": 1e-1, "start_magnitude": 0.0, "epsilon": None},
        "ALBERT-xxlarge QNLI": {"ascent_steps": 3, "step_size": 5e-2, "start_magnitude": 1e-1, "epsilon": None},
    }

    @property
    def floor(self) -> float:
        """3K, and 3 more for the clean loss."""
        return 3.0 * self.settings.ascent_steps + (3 if self.settings.clean_loss_weight else 0)

    def accumulate(self, batch: EmbeddedBatch, scale: float, micro_batch: int) -> Report:
        """Algorithm 1, lines 4 to 12."""
        steps = self.settings.ascent_steps
        report = Report(batch.embeddings.new_zeros(()))
        state = self.start(batch)
        dropout = FixedDropout(batch.ids.device, self.settings.fixed_dropout)
        for step in range(1, steps + 1):
            with dropout:
                attempt = batch.forward(self.total(state), ascent=step < steps or self.keeps_last_ascent)
            loss = batch.losses(attempt.logits).mean()
            gradient = batch.backward(loss * (scale / steps), attempt)
            report.record(self.total(state), loss)
            report.loss = report.loss + loss.detach() / steps
            if step < steps or self.keeps_last_ascent:
                state = self.ascend(state, gradient, batch)
        self.keep(state, batch)
        report.loss = report.loss + batch.add_clean_loss(self.settings.clean_loss_weight, scale, dropout)
        return report

    keeps_last_ascent = False

    def keep(self, state: Any, batch: EmbeddedBatch) -> None:
        """What is kept of the last state (FreeLB: nothing)."""

    def random_start(self, batch: EmbeddedBatch) -> Tensor:
        """U(-ε_0, ε_0) / √N_δ, per example."""
        return uniform_start(
            batch.mask,
            batch.keys(),
            batch.embeddings,
            magnitude=self.settings.start_magnitude,
            seed=batch_seed(),
        )

    def start(self, batch: EmbeddedBatch) -> Any:
        """δ_0, inside the ball."""
        return project(self.random_start(batch), self.settings.epsilon)

    def ascend(self, state: Any, gradient: Tensor, batch: EmbeddedBatch) -> Any:
        """Algorithm 1, line 11."""
        return ascend(state, gradient, step_size=self.settings.step_size, epsilon=self.settings.epsilon)
