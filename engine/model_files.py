"""What a model's folder must hold to be the model that its config names: checked before its weights are read, without torch."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.paths import regular_file

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
