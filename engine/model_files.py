"""What a model's folder must hold to be the model that its config names: checked before its weights are read, and after."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from engine.anatomy import word_embeddings
from engine.errors import UserError
from engine.paths import regular_file

# What wrappers (DataParallel, torch.compile) put before every name; taken off when weights are read.
PREFIXES = {r"^(module\.|_orig_mod\.)+": ""}
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
FLOATS = ("F64", "F32", "F16", "BF16")
MOST_JSON = 64 * 2**20  # Bytes of a config or an index.


def read_config(folder: Path) -> dict[str, Any]:
    """A model's `config.json`.

    Raises:
        UserError: it cannot be read, or is no object.
    """
    path = regular_file(folder / "config.json", "The config", MOST_JSON)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise UserError(f"{path} cannot be read: {str(problem)[:120]}.") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} cannot be read: it holds {type(found).__name__}, not an object.")
    return found


def check_folder(folder: Path, name: str) -> None:
    """Look at a model's files before any of them is loaded.

    Raises:
        UserError: no config or no safetensors weights, a file outside of the folder is named, or the config names an
            architecture of another family.
    """
    if not (folder / "config.json").exists():
        raise UserError(f"The folder {name} holds no model: it has no config.json.")
    config = read_config(folder)
    if "transformers_weights" in config:
        raise UserError(
            f"{name}: its config names a weights file ({str(config['transformers_weights'])[:60]!r}): only"
            " model.safetensors, or an index of such files in the folder, is read."
        )
    if not list(folder.glob("*.safetensors")):
        pickled = [each.name for each in folder.iterdir() if each.suffix in PICKLES]
        found = f" It has {pickled[0]}, a pickle, which may run code when read: refused." if pickled else ""
        raise UserError(f"The folder {name} has no weights in safetensors format.{found} Save it as safetensors.")
    for weights in folder.glob("*.safetensors"):
        regular_file(weights, "The weights")
    _check_numbers(folder, name)
    for index in folder.glob("*.safetensors.index.json"):
        _check_index(index, name)
    _check_family(config, name)


def weight_names(folder: Path) -> list[str]:
    """The names of all weights in a folder's safetensors files."""
    return [name for name, _, _ in _weights(folder)]


def _weights(folder: Path) -> list[tuple[str, str, int]]:
    """(name, number format, dimensions) of every weight; a file that cannot be read has none (its loader says why)."""
    from safetensors import SafetensorError, safe_open

    found = []
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118  (it is no dict)
                    part = opened.get_slice(name)
                    found.append((name, str(part.get_dtype()), len(part.get_shape())))
        except (SafetensorError, OSError, ValueError):
            continue
    return found


def _check_numbers(folder: Path, name: str) -> None:
    """Weights must be floating-point numbers: quantised ones would be taken for what they are not."""
    odd = [
        (key, kind)
        for key, kind, dimensions in _weights(folder)
        if dimensions > 1 and kind not in FLOATS and "position_ids" not in key
    ]
    if odd:
        raise UserError(
            f"{name}: its weights are quantised ({odd[0][0]} is {odd[0][1]}): save them as floating-point numbers first."
        )


def _check_index(index: Path, name: str) -> None:
    """Every file that an index names must be a safetensors file beside it."""
    try:
        places = json.loads(regular_file(index, "The index", MOST_JSON).read_text(encoding="utf-8"))["weight_map"]
        named = sorted(set(places.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{name}: {index.name} is no index of weights.") from None
    for file in named:
        if not isinstance(file, str) or not re.fullmatch(r"[\w][\w.-]*\.safetensors", file):
            raise UserError(
                f"{name}: {index.name} names {str(file)[:80]!r}: only plain names of .safetensors files are allowed."
            )
        if not (index.parent / file).is_file():
            raise UserError(f"{name}: {index.name} names {file}, which is not in the folder.")


def _check_family(config: Mapping[str, Any], name: str) -> None:
    """The classes that a config names must be of its `model_type`: else weights of one family would fill another's."""
    from transformers.models.auto import modeling_auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        return  # Not loadable at all, which its loader says.
    mappings = [value for key, value in vars(modeling_auto).items() if key.endswith("_MAPPING_NAMES")]
    for architecture in config.get("architectures") or ():
        families = {
            family for mapping in mappings for family, classes in mapping.items() if architecture in _names(classes)
        }
        if families and kind not in families:
            raise UserError(
                f"{name}: its config says model_type {kind!r}, but its weights are of a {str(architecture)[:60]}"
                f" ({', '.join(sorted(families)[:3])}). Put the right model_type into config.json."
            )


def _names(classes: Any) -> tuple[str, ...]:
    return classes if isinstance(classes, tuple) else (classes,)


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
