"""Whether a model computes the same from its looked-up word embeddings as from token ids.

Every perturbation enters there. Decoders pool the last token that the ids show, RoBERTa counts positions from the ids'
padding, some models refuse `inputs_embeds`: what is perturbed would then not be the model that is trained.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def difference(module: Any, ids: Tensor, inputs: Mapping[str, Tensor]) -> str:
    """Why a model cannot be perturbed at its word embeddings, in words that follow its name; "" if it can.

    Both ways are computed in evaluation mode on the inputs given; the model's modes and the random state stay as they are.

    Args:
        module: the bare model.
        ids: `[B, L]`.
        inputs: `attention_mask` and what else its forward pass takes.
    """
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    kind = module.config.model_type
    try:
        with torch.no_grad():
            plain = module(input_ids=ids, **inputs).logits
            lifted = module(inputs_embeds=embeddings_of(module)(ids), **inputs).logits
    except Exception as problem:  # Each architecture says in its own way that it takes no embeddings.
        reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:120]
        return f"a {kind} model does not take word embeddings as input ({reason}), so they cannot be perturbed"
    finally:
        for each, training in modes:
            each.training = training
    near = 5e-2 if plain.dtype in (torch.bfloat16, torch.float16) else 1e-4
    if plain.shape == lifted.shape and torch.allclose(plain, lifted, atol=near, rtol=near):
        return ""
    padded = "" if bool(inputs["attention_mask"].all()) else ", with this padding,"
    return (
        f"a {kind} model gives{padded} another output from its word embeddings than from the tokens themselves, so a"
        " perturbation of them would not mean what it says"
    )


def embeddings_of(module: Any) -> Any:
    """The model's word embeddings.

    Raises:
        NotImplementedError: it has none that token ids are looked up in.
    """
    found = module.get_input_embeddings()
    if not isinstance(found, nn.Module) or getattr(getattr(found, "weight", None), "ndim", 0) != 2:
        raise NotImplementedError("it has no table of word embeddings")
    return found
