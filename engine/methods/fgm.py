"""FGM: one step along the gradient of the clean loss; both losses are learnt."""

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.base import Method
from engine.methods.passes import PerturbedBatch, Report
from engine.perturbation import Norm, unit_example
from engine.settings import CONFIG, Settings
from engine.sites import EMBEDDINGS, SiteName


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class FGMSettings(Settings):
    """Settings of FGM."""

    epsilon: float = Field(default=0.5, ge=0, le=1e6)
    """Length ε of δ (embedding units, per sentence)."""
    norm: Norm = "frobenius"
    """The norm that ε is in: frobenius (of the whole sentence) or max (L∞)."""
    perturb_special_tokens: bool = True
    """Perturb [CLS] and [SEP] too."""
    site: SiteName = EMBEDDINGS
    """Where δ enters: embeddings, or layer:N, the hidden states that go into block N (from 0)."""


@METHODS.add
class FGM(Method[FGMSettings]):
    r"""Fast gradient method on word embeddings (Goodfellow et al. 2015; Miyato, Dai and Goodfellow 2017, eq. (5)).

    min_θ L(X) + L(X + ε g/‖g‖), g = ∇_X L(X). The clean pass gives g and its share of ∇_θ in one backward pass, which is why this
    is no preset of PGD (K = 1 with the clean loss: 8). Miyato et al. normalise the word embeddings; here they are as they are.
    Cost of a step: 6.

    Settings: epsilon 0.5, norm "frobenius" (or "max": L∞), perturb_special_tokens True. Shapes: δ `[B, L, D]`.

    >>> from engine.methods.fgm import FGM
    >>> FGM().floor
    6.0
    """

    name = "fgm"
    year = 2017
    title = "FGM"
    reference = "Miyato, Dai and Goodfellow, ICLR 2017, eq. (5)"
    equation = r"\min_\theta\; L(f_\theta(X),y)+L(f_\theta(X+\delta),y),\quad \delta=\epsilon\, g/\|g\|,\; g=\nabla_X L(f_\theta(X),y)"
    summary = "Learns from the sentence and from the same sentence, moved once along the gradient of its loss."
    Settings = FGMSettings

    @property
    def floor(self) -> float:
        """Two passes forward and back."""
        return 6.0

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """The clean pass, whose gradient is δ's direction too, then the pass at δ."""
        report = Report(batch.like.new_zeros(()))
        delta = self.start(batch)
        for last in (False, True):
            attempt = batch.forward(delta, ascent=not last)
            loss = batch.loss(attempt.logits)
            gradient = batch.backward(loss * scale, attempt)
            report.record(delta, loss)
            report.loss = report.loss + loss.detach()
            if not last:
                delta = self.ascend(delta, gradient, batch)
        return report

    def ascend(self, state: Tensor, gradient: Tensor, batch: PerturbedBatch) -> Tensor:
        """δ = ε g/‖g‖, wherever the gradient was taken."""
        return self.settings.epsilon * unit_example(gradient, self.settings.norm)
