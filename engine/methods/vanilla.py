"""Ordinary fine-tuning: the reference row of every table."""

from engine.methods import METHODS
from engine.methods.base import Method
from engine.methods.passes import PerturbedBatch, Report
from engine.settings import Settings


@METHODS.add
class Vanilla(Method[Settings]):
    r"""min_θ E L(f_θ(X), y). No perturbation. Cost of a step: 3 (forward 1, backward 2).

    >>> from engine.methods.vanilla import Vanilla
    >>> Vanilla().floor
    3.0
    """

    name = "vanilla"
    year = 0
    title = "Vanilla"
    reference = "Ordinary fine-tuning"
    equation = r"\min_\theta\; \mathbb{E}_{(X,y)}\, L(f_\theta(X), y)"
    summary = "Fine-tunes on the clean sentences only. δ stays 0: this is what the others are compared with."
    Settings = Settings
    perturbs = False

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """One pass over the clean embeddings."""
        clean = batch.forward(ascent=False)
        loss = batch.loss(clean.logits)
        batch.backward(loss * scale, clean)
        return Report(loss.detach())
