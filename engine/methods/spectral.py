"""A head whose last weight has the spectral norm 1 (Miyato et al. 2018; R4F, Aghajanyan et al. 2021)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn
from torch.nn.utils import parametrize

from engine.errors import UserError
from engine.methods.passes import is_whole


class Normalised(nn.Module):
    """W ↦ W/σ(W)."""

    def forward(self, weight: Tensor) -> Tensor:
        """σ is exact: a head is small."""
        normalised: Tensor = weight / torch.linalg.matrix_norm(weight, 2).clamp_min(torch.finfo(weight.dtype).tiny)
        return normalised


@contextmanager
def normalised_head(model: nn.Module) -> Iterator[None]:
    """Passes in this block use W/σ(W) for the last linear layer that gives the model's outputs; gradients go to W."""
    module: Any = extract_model_from_parallel(model, keep_torch_compile=False)
    if hasattr(model, "_orig_mod") or not is_whole(module):
        raise UserError(
            "spectral_norm changes the head in every step: neither compiled nor spread over processes does that work."
        )
    layers = [each for each in module.modules() if isinstance(each, nn.Linear)]
    head = next((each for each in reversed(layers) if each.out_features == module.config.num_labels), None)
    if head is None:
        raise UserError("spectral_norm: this model has no linear layer that gives its outputs.")
    with torch.no_grad():
        head.weight.copy_(Normalised()(head.weight))
    parametrize.register_parametrization(head, "weight", Normalised(), unsafe=True)
    try:
        yield
    finally:
        parametrize.remove_parametrizations(head, "weight", leave_parametrized=False)
