"""NEFTune: fine-tuning on noisy word embeddings."""

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.base import Method
from engine.methods.passes import PerturbedBatch, Report, batch_seed
from engine.perturbation import uniform_start
from engine.settings import CONFIG, Settings
from engine.sites import EMBEDDINGS, SiteName


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class NEFTuneSettings(Settings):
    """Settings of NEFTune; the default is the paper's."""

    magnitude: float = Field(default=5.0, ge=0, le=1e6)
    """α: every number gets U(-1, 1) α/√(L D), so that ‖δ‖ is about 0.58 α whatever the length (paper: 5, 10, 15)."""
    perturb_special_tokens: bool = True
    """Perturb [CLS] and [SEP] too, as the paper does."""
    site: SiteName = EMBEDDINGS
    """Where the noise enters: embeddings, or layer:N, the hidden states that go into block N (from 0)."""


@METHODS.add
class NEFTune(Method[NEFTuneSettings]):
    r"""Noisy embedding fine-tuning (Jain et al. 2024, Algorithm 1).

    min_θ E L(f(X + δ), y), δ = U(-1, 1) α/√(L D) with L the sentence's own tokens that may be perturbed. No ascent, no clean
    pass. α is meant for the embeddings of large decoders; ‖δ‖ ≈ 0.58 α. Cost of a step: 3, as vanilla's.
    """

    name = "neftune"
    year = 2024
    title = "NEFTune"
    reference = "Jain et al., ICLR 2024, Algorithm 1"
    equation = r"\min_\theta\; \mathbb{E}_\delta\, L(f_\theta(X+\delta),y),\quad \delta\sim U(-1,1)\,\alpha/\sqrt{L D}"
    summary = "Fine-tunes on sentences whose embeddings carry noise of one length; nothing is climbed."
    Settings = NEFTuneSettings
    perturbs = False
    takes_gradient = False

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """One pass over the noisy embeddings."""
        delta = self.start(batch)
        noisy = batch.forward(delta, ascent=False)
        loss = batch.loss(noisy.logits)
        batch.backward(loss * scale, noisy)
        report = Report(loss.detach())
        report.record(delta, loss)
        return report

    def start(self, batch: PerturbedBatch) -> Tensor:
        """The noise, which is FreeLB's random start with ε₀ = α."""
        return uniform_start(
            batch.mask, batch.keys(), batch.like, magnitude=self.settings.magnitude, seed=batch_seed(), norm="frobenius"
        )
