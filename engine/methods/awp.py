"""AWP: the gradient is taken where every weight matrix is worst nearby, in proportion to its own norm."""

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.sam import SAM
from engine.methods.weights import Part
from engine.settings import CONFIG, Settings


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class AWPSettings(Settings):
    """Settings of AWP; the default is the paper's."""

    strength: float = Field(default=0.01, ge=0, le=1e3)
    """γ: how far every weight matrix is moved, as a share of its norm (paper: 0.01)."""


@METHODS.add
class AWP(SAM):
    r"""Adversarial weight perturbation (Wu, Xia and Wang 2020, eq. (10)), here on clean sentences.

    For every weight matrix w with gradient g: v = ‖w‖ g/‖g‖ (Frobenius); ∇_θ is that of L at w + γ v; then the weights go back.
    Biases and norms' scales (one dimension) stay, as in the published code. The paper's inputs are adversarial images; its
    sentences would be PGD's. Else as SAM, which moves all weights together: here each matrix has its own ball. Cost of a step: 6.

    Settings: strength 0.01.

    >>> from engine.methods.awp import AWP
    >>> AWP().floor
    6.0
    """

    name = "awp"
    year = 2020
    title = "AWP"
    reference = "Wu, Xia and Wang, NeurIPS 2020, eq. (10)"
    equation = r"\theta\leftarrow\theta-\tau\,\nabla_\theta L(\theta+\gamma v),\quad v_l=\|w_l\|\,\nabla_{w_l}L/\|\nabla_{w_l}L\|"
    summary = (
        "Moves every weight matrix a share of its norm to where the loss is worse, and learns from the gradient there."
    )
    Settings = AWPSettings  # type: ignore[assignment]
    settings: AWPSettings  # type: ignore[assignment]

    def moves(self, parts: list[Part]) -> list[Tensor]:
        """γ ‖w‖ g/‖g‖ of every matrix, 0 for the rest, in the gradients' place."""
        found = []
        for part in parts:
            norm, weight = part.gradient.norm(), part.weight.detach()
            share = self.settings.strength * weight.norm() / norm.clamp_min(torch.finfo(norm.dtype).tiny)
            found.append(part.gradient.mul_(share) if weight.ndim > 1 else part.gradient.zero_())
        return found
