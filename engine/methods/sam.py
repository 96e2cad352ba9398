"""SAM: the gradient is taken where the weights are worst nearby, not where they are."""

import torch
from accelerate.utils import extract_model_from_parallel
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine import distributed
from engine.errors import UserError
from engine.methods import METHODS
from engine.methods.base import Method
from engine.methods.dropout import FixedDropout
from engine.methods.passes import PerturbedBatch, Report, is_whole
from engine.methods.weights import Part, moved, parts_of
from engine.settings import CONFIG, Settings


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class SAMSettings(Settings):
    """Settings of SAM; the default is the paper's."""

    radius: float = Field(default=0.05, ge=0, le=1e3)
    """ρ: how far the weights are moved, ‖e‖₂ over all of them (paper: 0.05)."""


@METHODS.add
class SAM(Method[SAMSettings]):
    r"""Sharpness-aware minimisation (Foret et al. 2021, Algorithm 1).

    g = ∇_θ L(θ), e = ρ g/‖g‖₂ over all trained weights; ∇_θ is then that of L(θ + e), taken as the gradient at θ. Nothing is put
    into the model: it is the weights that move, and come back to the bit. Both passes have the same dropout masks. Several
    processes move together, along the mean of their gradients. Weights that are spread over processes are refused. Cost of a
    step: 6.

    Settings: radius 0.05.

    >>> from engine.methods.sam import SAM
    >>> SAM().floor
    6.0
    """

    name = "sam"
    year = 2021
    title = "SAM"
    reference = "Foret et al., ICLR 2021, Algorithm 1"
    equation = r"\theta\leftarrow\theta-\tau\,\nabla_\theta L(\theta)\big|_{\theta+e},\quad e=\rho\,\nabla_\theta L(\theta)/\|\nabla_\theta L(\theta)\|_2"
    summary = "Moves the weights to where the loss is worst nearby and learns from the gradient there: it looks for flat minima."
    Settings: type[SAMSettings] = SAMSettings
    perturbs = False
    moves_weights = True

    @property
    def floor(self) -> float:
        """Two passes forward and back."""
        return 6.0

    def moves(self, parts: list[Part]) -> list[Tensor]:
        """How far every part is moved; the gradients are overwritten: new tensors of all weights' size cost more than the sums."""
        norm = torch.linalg.vector_norm(torch.stack([each.gradient.norm() for each in parts]))
        share = self.settings.radius / norm.clamp_min(torch.finfo(norm.dtype).tiny)
        return [each.gradient.mul_(share) for each in parts]

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """The gradient at θ, which only says where to go; then the gradient at θ + e, which is learnt."""
        model = extract_model_from_parallel(batch.model, keep_torch_compile=False)
        if not is_whole(model):
            raise UserError(
                f"{self.title} moves whole weights: it cannot train a model whose weights are spread over processes."
            )
        weights = [each for each in model.parameters() if each.requires_grad]
        dropout = FixedDropout(batch.ids.device)
        inputs = batch.inputs()
        with dropout:
            loss = batch.loss(batch.model(**{name: each for name, each in inputs.items() if name != "labels"}).logits)
        found = torch.autograd.grad(loss, weights, allow_unused=True)
        gradients = [torch.zeros_like(each) if own is None else own for each, own in zip(weights, found, strict=True)]
        distributed.average(gradients)
        parts = parts_of(model, weights, gradients)
        with moved(parts, self.moves(parts)):
            there = self.embed(batch.model, inputs, **batch.options)
            with dropout:
                at = there.forward(ascent=False)
            there.backward(there.loss(at.logits) * scale, at)
            there.finish()
        return Report(loss.detach())
