"""What pre-training starts from: a masked language model, or an encoder with ELECTRA's generator and head."""

from typing import Any

import torch

from engine.errors import UserError
from engine.model_checks import check_embeddings
from engine.model_names import folder_of
from engine.models import SAFE, config_and_tokenizer, load_weights, quietly, reads, said_plainly


def load_masked_lm(name: str, from_scratch: bool = False, seed: int = 0) -> tuple[Any, Any, int]:
    """A masked language model: (model, tokenizer, tokens it reads).

    Args:
        name: built-in name, local folder or hub name.
        from_scratch: random weights, drawn from `seed`.

    Raises:
        UserError: it cannot be loaded.
    """
    from transformers import AutoModelForMaskedLM

    return _load(AutoModelForMaskedLM, name, from_scratch, seed)


def load_discriminator(name: str, from_scratch: bool = False, seed: int = 0) -> tuple[Any, Any, Any, Any, int]:
    """A plain encoder to become the discriminator: (encoder, generator, head, tokenizer, tokens it reads).

    Generator and head are those of the pair where `name` is an ELECTRA discriminator that has them, else None.

    Args:
        name: built-in name, local folder or hub name.
        from_scratch: random weights.
        seed: what they are drawn from.

    Raises:
        UserError: it cannot be loaded.
    """
    from transformers import AutoModel

    model, tokenizer, length = _load(AutoModel, name, from_scratch, seed)
    generator, head = (None, None) if from_scratch else _pair(name, model)
    return model, generator, head, tokenizer, length


def _load(family: Any, name: str, from_scratch: bool, seed: int) -> tuple[Any, Any, int]:
    folder = folder_of(name)
    config, tokenizer = config_and_tokenizer(name, folder)
    if from_scratch:
        with quietly(), said_plainly(name), torch.random.fork_rng():
            torch.manual_seed(seed)
            model = family.from_config(config)
    else:
        model, _ = load_weights(family, name, folder, config, seed)
    check_embeddings(model, tokenizer, name)
    if not tokenizer.is_fast or tokenizer.mask_token_id is None:
        raise UserError(
            f"{name[:80]}: pre-training needs a fast tokenizer with a mask token, which this model has not."
        )
    return model, tokenizer, reads(config, tokenizer)


def _pair(name: str, model: Any) -> tuple[Any, Any]:
    """The generator and the head of an ELECTRA pair, for a discriminator's name or folder; else none."""
    if model.config.model_type != "electra" or "discriminator" not in name:
        return None, None
    from transformers import ElectraForMaskedLM, ElectraForPreTraining

    from engine.objectives.electra_pair import replaced_token_head, share_embeddings

    try:
        with quietly():
            options = {"use_safetensors": True, "dtype": torch.float32, **SAFE}
            generator = ElectraForMaskedLM.from_pretrained(
                folder_of(name.replace("discriminator", "generator")), **options
            )
            whole = ElectraForPreTraining.from_pretrained(folder_of(name), **options)
    except Exception:  # No pair to be had: a new generator and a new head are made.
        return None, None
    head = replaced_token_head(model.config.hidden_size)
    head[0].load_state_dict(whole.discriminator_predictions.dense.state_dict())
    head[2].load_state_dict(whole.discriminator_predictions.dense_prediction.state_dict())
    share_embeddings(model, generator)
    return generator, head
