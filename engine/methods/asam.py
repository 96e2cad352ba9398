"""ASAM: as SAM, with every weight moved in proportion to its size."""

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.sam import SAM, SAMSettings
from engine.methods.weights import Part
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class ASAMSettings(SAMSettings):
    """Settings of ASAM; the defaults are the paper's."""

    radius: float = Field(default=0.5, ge=0, le=1e3)
    """ρ: how far the weights are moved, in units of their own sizes (paper: 0.5, ten times SAM's)."""
    offset: float = Field(default=0.01, ge=0, le=1e3)
    """η, added to every weight's size, so that those near 0 move too (paper: 0.01)."""


@METHODS.add
class ASAM(SAM):
    r"""Adaptive sharpness-aware minimisation (Kwon et al. 2021, eq. (8)).

    T = |θ| + η, number by number; e = ρ T² g/‖T g‖₂; else as SAM. Scaling a weight up and the next one down, which changes nothing
    that the model says, does not change what is learnt. Cost of a step: 6.

    Settings: radius 0.5, offset 0.01.

    >>> from engine.methods.asam import ASAM
    >>> ASAM().floor
    6.0
    """

    name = "asam"
    year = 2021
    title = "ASAM"
    reference = "Kwon et al., ICML 2021, eq. (8)"
    equation = r"e=\rho\, T_\theta^2\nabla L/\|T_\theta\nabla L\|_2,\quad T_\theta=\mathrm{diag}(|\theta|+\eta)"
    summary = "SAM with steps in proportion to every weight's size, so that rescaled weights are treated alike."
    Settings = ASAMSettings
    settings: ASAMSettings

    def moves(self, parts: list[Part]) -> list[Tensor]:
        """ρ T² g/‖T g‖₂, in the gradients' place."""
        sizes = [each.values.abs().add_(self.settings.offset) for each in parts]
        scaled = [each.gradient.mul_(size) for size, each in zip(sizes, parts, strict=True)]
        norm = torch.linalg.vector_norm(torch.stack([each.norm() for each in scaled]))
        share = self.settings.radius / norm.clamp_min(torch.finfo(norm.dtype).tiny)
        return [each.mul_(size).mul_(share) for size, each in zip(sizes, scaled, strict=True)]
