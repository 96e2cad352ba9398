"""Full precision for what compares nearly equal outputs: no autocast, no TF32, float32 weights at least."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from torch import nn

from engine.errors import UserError


@contextmanager
def full_precision(wanted: bool = True) -> Iterator[None]:
    """No autocast, and on a GPU no TF32, while the block runs; a backward pass under autocast would take it up too."""
    if not wanted:
        yield
        return
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    products.fp32_precision = "ieee"
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        products.fp32_precision = before


def plain_forward(model: nn.Module) -> Callable[..., Any]:
    """The model's forward pass outside of autocast, whoever wrapped it.

    accelerate puts autocast into `model.forward` itself (and keeps the one before as `_original_forward`), so that leaving
    the context outside is not enough.

    Raises:
        UserError: the weights themselves are half precision.
    """
    module: Any = extract_model_from_parallel(model, keep_torch_compile=False)
    if module.get_input_embeddings().weight.dtype in (torch.bfloat16, torch.float16):
        raise UserError(
            f"The model's weights are {str(module.get_input_embeddings().weight.dtype).removeprefix('torch.')}: what is"
            " compared here differs by less than they resolve. Load the model in float32."
        )
    wrapped = "_original_forward" in vars(module)
    device = module.device.type
    if not wrapped and not torch.is_autocast_enabled(device):
        return model
    forward = module._original_forward if wrapped else module

    def call(**inputs: Any) -> Any:
        with torch.autocast(device, enabled=False):
            return forward(**inputs)

    return call
