"""Randomized smoothing: what the model says most often under normal noise hardly changes with a short δ (Cohen et al. 2019)."""

from collections.abc import Callable
from statistics import NormalDist

import torch
from torch import Tensor

from engine.methods.passes import PerturbedBatch
from engine.progress import Progress
from engine.robustness.certificates import Certified, Question, certificate
from engine.robustness.certificates.votes import vote
from engine.robustness.text import split
from engine.robustness.victim import Victim
from engine.sites import units


def radius_of(p_low: float, sigma: float) -> float:
    """σ · Φ⁻¹(p_low), in the units of σ; 0 where p_low is not above 1/2."""
    return sigma * NormalDist().inv_cdf(min(p_low, 1 - 1e-12)) if p_low > 0.5 else 0.0


@certificate("gaussian", 2019, "sigma", "samples", "alpha", "site", "seed", smoothed=True)
def gaussian(asked: Question, progress: Progress = None) -> Certified:
    """What the model says most often under normal noise on its embeddings, if any δ with a Frobenius norm up to the radius is added."""
    batch = dict(Victim(asked.classifier, asked.pair).encode([asked.text]))
    votes = vote(said_under_noise(asked, batch), asked.samples, asked.alpha, progress)
    radius = radius_of(votes.p_low, asked.sigma)
    return Certified(
        votes.prediction, radius > 0, radius, units(asked.site), votes.samples, votes.p_low, votes.abstained, votes.share,
        len(split(asked.text)[0]),
    )  # fmt: skip


def said_under_noise(asked: Question, batch: dict[str, Tensor], delta: Tensor | None = None) -> Callable[[int], Tensor]:
    """Draws the classes that the model gives to noisy copies of one example (moved by δ, `[1, L, D]`), for `vote`."""
    generator = torch.Generator().manual_seed(asked.seed)

    def said(count: int) -> Tensor:
        labels = torch.zeros(count, dtype=torch.long, device=asked.classifier.device)
        rows = {name: each.expand(count, *each.shape[1:]) for name, each in batch.items()} | {"labels": labels}
        here = PerturbedBatch(asked.classifier.model, rows, site=asked.site)
        noise = torch.randn(here.like.shape, generator=generator).to(here.like) * asked.sigma * here.mask3
        with torch.no_grad():
            logits = here.forward(noise if delta is None else delta + noise, ascent=False).logits
        return logits.argmax(dim=-1).cpu()

    return said
