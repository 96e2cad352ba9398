"""VAT: virtual adversarial training; the direction in which the model's own answer changes most, no label needed."""

from collections.abc import Callable

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.base import Method
from engine.methods.dropout import FixedDropout
from engine.methods.losses import kl
from engine.methods.passes import Pass, PerturbedBatch, Report, batch_seed
from engine.perturbation import example_noise, unit_example
from engine.settings import CONFIG, Settings
from engine.sites import EMBEDDINGS, SiteName


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class VATSettings(Settings):
    """Settings of VAT."""

    epsilon: float = Field(default=0.5, ge=0, le=1e6)
    """Length ε of r (embedding units, per sentence)."""
    probe: float = Field(default=1e-2, gt=0, le=1e6)
    """ξ, how far the probes go that find the direction (the paper: 1e-6; its code for texts: 0.1)."""
    ascent_steps: int = Field(default=1, ge=1, le=50)
    """Power iterations (paper: 1)."""
    smoothness_weight: float = Field(default=1.0, ge=0)
    """λ, the weight of the divergence (paper: 1)."""
    perturb_special_tokens: bool = True
    """Perturb [CLS] and [SEP] too."""
    site: SiteName = EMBEDDINGS
    """Where r enters: embeddings, or layer:N, the hidden states that go into block N (from 0)."""


@METHODS.add
class VAT(Method[VATSettings]):
    r"""Virtual adversarial training (Miyato et al. 2018, eq. (5) to (9); on texts Miyato, Dai and Goodfellow 2017).

    d ← a random direction; K times d ← ∇_r KL(p(X) ‖ p(X + r)) at r = ξ d, normalised (power iteration for the largest curvature);
    r = ε d. min_θ L(X) + λ KL(p(X) ‖ p(X + r)), p(X) held fixed. The divergence needs no label: examples with the label -100 are in
    it, and not in L. All passes have the same dropout masks and run in full precision. With ξ = 1e-6 the probes are lost in the
    rounding of float32 embeddings; ξ = 0.01 finds the same direction (the test compares them in float64). Cost of a step: 6 + 2K.

    Settings: epsilon 0.5, probe 0.01, ascent_steps 1, smoothness_weight 1, perturb_special_tokens True. Shapes: r `[B, L, D]`.

    >>> from engine.methods.vat import VAT
    >>> VAT().floor
    8.0
    """

    name = "vat"
    year = 2018
    title = "VAT"
    reference = "Miyato et al., TPAMI 2018, eq. (5) to (9)"
    equation = r"\min_\theta\; L+\lambda\, KL\big(p(X)\,\|\,p(X+\epsilon d)\big),\quad d\leftarrow \nabla_r KL\big(p(X)\,\|\,p(X+r)\big)\big|_{\xi d}\big/\|\cdot\|"
    summary = "Climbs where the model's own answer changes most, whatever the label, and is punished for the change."
    Settings = VATSettings
    takes_differences = True

    @property
    def floor(self) -> float:
        """6 + 2K; 3 with λ = 0."""
        return 6.0 + 2 * self.settings.ascent_steps if self.settings.smoothness_weight else 3.0

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """The clean pass, the probes, the pass at r, one backward for both."""
        settings, dropout = self.settings, FixedDropout(batch.ids.device)
        with dropout:
            clean = batch.forward(ascent=False)
        loss = batch.loss(clean.logits)
        report, passes = Report(loss.detach()), [clean]
        if settings.smoothness_weight:
            objective, r = self._divergence_from(clean.logits, batch), self.start(batch)
            for _ in range(settings.ascent_steps):
                with dropout:
                    attempt = batch.forward(settings.probe * unit_example(r))
                report.record(r, batch.loss(attempt.logits.detach()))
                r = self.ascend(r, batch.input_gradient(objective(attempt).sum(), attempt), batch)
            with dropout:
                moved = batch.forward(r, ascent=False)
            smoothness = objective(moved).mean()
            report.record(r, batch.loss(moved.logits.detach()))
            report.figures["smoothness_kl"] = smoothness.detach()
            loss = loss + settings.smoothness_weight * smoothness
            passes.append(moved)
        batch.backward(loss * scale, *passes)
        report.loss = loss.detach()
        return report

    def start(self, batch: PerturbedBatch) -> Tensor:
        """ξ d, d a random direction on the tokens that may be perturbed (inside the ball)."""
        noise = example_noise(batch.mask, batch.keys(), batch.like, seed=batch_seed(), normal=True)
        return min(self.settings.probe, self.settings.epsilon) * unit_example(noise)

    def ascend(self, state: Tensor, gradient: Tensor, batch: PerturbedBatch) -> Tensor:
        """R = ε g/‖g‖."""
        return self.settings.epsilon * unit_example(gradient)

    @staticmethod
    def _divergence_from(clean: Tensor, batch: PerturbedBatch) -> Callable[[Pass], Tensor]:
        fixed = clean.detach()
        return lambda at: kl(fixed, at.logits, batch.problem, batch.labels)

    def ascent_objective(self, batch: PerturbedBatch) -> Callable[[Pass], Tensor]:
        """KL from the clean output, which is held fixed."""
        return self._divergence_from(batch.at_rest.logits, batch)
