"""What a model that was read from its files must be: filled by them, with a tokenizer that fits."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from engine.anatomy import word_embeddings
from engine.errors import UserError

# What wrappers (DataParallel, torch.compile) put before every name; taken off when weights are read.
PREFIXES = {r"^(module\.|_orig_mod\.)+": ""}


def _tied(model: Any) -> set[str]:
    """Other names of weights that have one already (BART's encoder and decoder share a table, which is saved once)."""
    once = {key for key, _ in model.named_parameters()}
    return {key for key, _ in model.named_parameters(remove_duplicate=False)} - once


def check_weights(model: Any, report: Mapping[str, Any], name: str) -> list[str]:
    """Check that the file filled the whole encoder with finite numbers; returns what of the head it did not fill.

    Args:
        report: `from_pretrained`'s loading info.

    Raises:
        UserError: encoder weights that are missing, of another shape, left over, NaN or infinite; names the first.
    """
    absent = sorted({*report["missing_keys"], *(key[0] for key in report["mismatched_keys"])} - _tied(model))
    prefix = "" if model.base_model is model else f"{model.base_model_prefix}."
    encoder = [key for key, _ in model.named_parameters() if key.startswith(prefix) and ".pooler." not in f".{key}"]
    lacking = [key for key in encoder if key in set(absent)]
    if lacking:
        raise UserError(
            f"{name}: {len(lacking)} of the encoder's {len(encoder)} weights are not in its file, or have another shape"
            f" there (the first: {', '.join(lacking[:3])}). They would be random numbers: the weights do not belong to"
            " this config."
        )
    shapes = {re.sub(r"\d+", "N", key) for key in encoder}
    left = sorted(
        key for key in report["unexpected_keys"] if re.sub(r"\d+", "N", f"{prefix}{_bare(key, prefix)}") in shapes
    )
    if left:
        raise UserError(
            f"{name}: its file has {len(left)} encoder weights that the config has no place for (the first: {left[0]}):"
            " the config asks for fewer layers than the weights have."
        )
    for key, tensor in model.named_parameters():
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{name}: the weight {key} has values that are NaN or infinite: the file is damaged.")
    return [key for key in absent if key not in set(encoder)]


def _bare(key: str, prefix: str) -> str:
    return re.sub(next(iter(PREFIXES)), "", key).removeprefix(prefix)


def check_tokenizer(tokenizer: Any, config: Any, name: str) -> None:
    """Check that a tokenizer can be a model's: it has words, and can pad.

    Where only the padding token's name is missing, the config's `pad_token_id` says which token it is; where that is missing
    too (GPT-2, Llama), the token that ends a text pads (see `padding_said`).

    Raises:
        UserError: says what is wrong and what to do.
    """
    rows = getattr(config, "vocab_size", None)
    size, special = len(tokenizer), len(set(tokenizer.all_special_ids))
    if size - special < 2 and rows and rows > size:
        raise UserError(
            f"{name} has no tokenizer: its vocabulary holds {size} tokens, {special} of them special ones, so that every"
            " text would be unknown. Save the model's own tokenizer beside it (tokenizer.json or vocab.txt)."
        )
    if tokenizer.pad_token_id is None:
        pad = getattr(config, "pad_token_id", None)
        token = tokenizer.eos_token if pad is None else tokenizer.convert_ids_to_tokens(pad)
        if token is None:
            raise UserError(
                f"{name}: its tokenizer has no padding token, so that texts of different lengths cannot be put together."
                " Set tokenizer.pad_token (and model.config.pad_token_id) and save both again."
            )
        tokenizer.pad_token = token
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = tokenizer.pad_token_id  # Decoders find the end of a text by it.


def padding_said(tokenizer: Any) -> str:
    """What people should know of the padding, in a sentence; "" if there is nothing."""
    if tokenizer.eos_token is None or tokenizer.pad_token_id != tokenizer.eos_token_id:
        return ""
    return f"The model has no padding token of its own: {tokenizer.eos_token}, which ends a text, pads too."


def check_embeddings(model: Any, tokenizer: Any, name: str) -> None:
    """Check that every token has an embedding.

    Raises:
        UserError: the model has no table of word embeddings, or one with fewer rows than the tokenizer has tokens.
    """
    try:
        table: Any = word_embeddings(model)
    except UserError as problem:
        raise UserError(f"{name}: {problem}") from None
    rows = table.weight.shape[0]
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest >= rows:
        raise UserError(
            f"{name}: its tokenizer has {highest + 1} tokens, but the model has embeddings for {rows}. After add_tokens call"
            " model.resize_token_embeddings(len(tokenizer)) and save both again."
        )
