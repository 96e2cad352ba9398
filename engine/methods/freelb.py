"""FreeLB: the gradient of θ is averaged over the K points of the ascent path."""

from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.base import AscentSettings, Method, Variant
from engine.methods.dropout import FixedDropout
from engine.methods.passes import PerturbedBatch, Report, random_start
from engine.methods.presets import of_scripts, published
from engine.perturbation import ascend
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class FreeLBSettings(AscentSettings):
    """Settings of FreeLB (and, with a table, of TextAT)."""

    start_magnitude: float = Field(default=0.3, ge=0, le=1e6)
    """Random start U(-ε₀, ε₀)/√N (L∞: U(-ε₀, ε₀)); ε₀ in FreeLB's scripts: 0.1 to 1."""
    project_start: bool = True
    """Keep the random start inside the ball; the published code does not."""
    fixed_dropout: bool = True
    """The same dropout mask in all K passes of a batch, as in the paper; the published code draws new ones."""
    clean_loss_weight: float = Field(default=0.0, ge=0)
    """Weight of the clean loss, added to the adversarial one (0: only adversarial examples, as in the paper)."""
    variant: Variant = "paper"
    """code: as the published code: new dropout masks in every pass and a start that may lie outside the ball."""


@METHODS.add
class FreeLB(Method[FreeLBSettings]):
    r"""Free large-batch adversarial training (Zhu et al., ICLR 2020, Algorithm 1).

    δ_0 = U(-ε_0, ε_0)/√N_δ. K times: add (1/K) ∇_θ L(f(X + δ_{t-1}), y), and from the same backward pass
    δ_t = Π_ε(δ_{t-1} + α g/‖g‖_F). The ascent after the K-th pass is not needed and not computed.
    Cost of a step: 3K. The dropout mask is the same in all K passes, as section 3.3 says (`fixed_dropout=False` draws
    new ones), and δ_0 stays in the ball (`project_start=False`: as the published code, which projects only after a step).

    Settings: epsilon 0.5, step_size 0.05, ascent_steps 3, start_magnitude 0.3, project_start True, norm "frobenius" (or
    "max": L∞), fixed_dropout True, clean_loss_weight 0, variant "paper" ("code": both of the above), perturb_special_tokens True. Shapes: δ `[B, L, D]`,
    N_δ = (Σ M_i)·D per example. Presets: the published launch scripts (github.com/zhuchen03/FreeLB), for
    RoBERTa-large with ε as a bound on every task; for ALBERT-xxlarge only QQP's projects.

    >>> from engine.methods.freelb import FreeLB
    >>> FreeLB(ascent_steps=3).floor
    9.0
    """

    name = "freelb"
    year = 2020
    title = "FreeLB"
    reference = "Zhu et al., ICLR 2020, Algorithm 1"
    equation = (
        r"g_t=g_{t-1}+\tfrac1K\,\mathbb{E}\,\nabla_\theta L(f_\theta(X+\delta_{t-1}),y),\qquad "
        r"\delta_t=\Pi_{\|\delta\|_F\le\epsilon}\left(\delta_{t-1}+\alpha\, g_{adv}/\|g_{adv}\|_F\right)"
    )
    summary = "Learns from every point of the climb: the gradients of the K steps are averaged, none is wasted."
    Settings: type[Any] = FreeLBSettings
    presets, preset_runs = of_scripts(
        {
            "RoBERTa-large CoLA": published(1e-05, 4, 0.025, 0.4, 0.3),
            "RoBERTa-large MNLI": published(1e-05, 3, 0.1, 0.1, 0.3),
            "RoBERTa-large MRPC": published(5e-06, 4, 0.04, 0.64, 0.4),
            "RoBERTa-large QNLI": published(1e-05, 3, 0.1, 0.2, 0.2),
            "RoBERTa-large QQP": published(1e-05, 3, 0.2, 0.32, 0.7),
            "RoBERTa-large SST-2": published(1e-05, 3, 0.1, 1.0, 0.6),
            "RoBERTa-large STS-B": published(2e-05, 4, 0.1, 0.16, 0.28),
            "ALBERT-xxlarge SST-2": published(1e-05, 2, 0.1, 0.6, None, batch_size=32),
            "ALBERT-xxlarge MRPC": published(2e-05, 4, 0.03, 0.0, None, batch_size=16),
            "ALBERT-xxlarge CoLA": published(1e-05, 3, 0.04, 0.05, None, batch_size=16),
            "ALBERT-xxlarge STS-B": published(2e-05, 3, 0.1, 0.2, None, batch_size=16),
            "ALBERT-xxlarge MNLI": published(3e-05, 3, 0.04, 0.08, None, batch_size=128),
            "ALBERT-xxlarge QQP": published(5e-05, 3, 0.2, 0.32, 0.7, batch_size=128),
            "ALBERT-xxlarge RTE": published(3e-05, 3, 0.1, 0.0, None, batch_size=32),
            "ALBERT-xxlarge QNLI": published(1e-05, 3, 0.05, 0.1, None, batch_size=32),
            # Li et al. 2021, section 4: FreeLB without a ball and with more steps; nothing else differs.
            "FreeLB++": {"ascent_steps": 10, "epsilon": None},
        }
    )

    @property
    def floor(self) -> float:
        """3K, and 3 more for the clean loss."""
        return 3.0 * self.settings.ascent_steps + (3 if self.settings.clean_loss_weight else 0)

    @property
    def reach(self) -> float | None:
        """ε₀ + (K - 1) α: the last δ that is learnt from has climbed K - 1 times."""
        own = self.settings
        return own.start_magnitude + (own.ascent_steps - 1) * own.step_size if own.norm == "frobenius" else None

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """Algorithm 1, lines 4 to 12."""
        steps = self.settings.ascent_steps
        report = Report(batch.like.new_zeros(()))
        state = self.start(batch)
        dropout = FixedDropout(batch.ids.device, self.settings.fixed_dropout and self.settings.variant == "paper")
        for step in range(1, steps + 1):
            with dropout:
                attempt = batch.forward(self.total(state), ascent=step < steps or self.keeps_last_ascent)
            loss = batch.loss(attempt.logits)
            gradient = batch.backward(loss * (scale * self.share), attempt)
            report.record(self.total(state), loss)
            report.loss = report.loss + loss.detach() * self.share
            if step < steps or self.keeps_last_ascent:
                state = self.ascend(state, gradient, batch)
        self.keep(state, batch)
        report.loss = report.loss + batch.add_clean_loss(self.settings.clean_loss_weight, scale, dropout)
        return report

    @property
    def keeps_last_ascent(self) -> bool:
        """Whether δ is moved after the K-th pass too."""
        return False

    @property
    def share(self) -> float:
        """What each pass's gradient is multiplied by: 1/K."""
        return 1.0 / self.settings.ascent_steps

    def keep(self, state: Any, batch: PerturbedBatch) -> None:
        """What is kept of the last state (FreeLB: nothing)."""

    def start(self, batch: PerturbedBatch) -> Any:
        """δ_0 = U(-ε_0, ε_0) / √N_δ, per example; inside the ball unless `project_start` is off."""
        return random_start(batch, self.settings)

    def ascend(self, state: Any, gradient: Tensor, batch: PerturbedBatch) -> Any:
        """Algorithm 1, line 11."""
        settings = self.settings
        return ascend(state, gradient, step_size=settings.step_size, epsilon=settings.epsilon, norm=settings.norm)
