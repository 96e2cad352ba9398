"""How an encoder is loaded: safetensors only, no remote code."""

import logging
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
from engine.model_checks import PREFIXES, check_embeddings, check_tokenizer, check_weights
from engine.model_names import folder_of, unloadable
from engine.sites import EMBEDDINGS, site_of

TEXTS, TAGS = "ForSequenceClassification", "ForTokenClassification"  # What ends the names of classes with such heads.
PAIRS = "text_pairs"  # Of a config that was trained here: whether its examples were pairs of sentences.
SAFE: dict[str, Any] = {
    "trust_remote_code": False,
    "local_files_only": True,
}  # Of every `from_pretrained`: no code, no network.


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
    """An encoder with a head for classes, a score or tags, in evaluation mode on the CPU.

    Args:
        name: built-in name, local folder or hub name.
        task: gives the head its width and labels; None takes the head that the model has.
        seed: of a new head's weights.

    Raises:
        UserError: it cannot be loaded, its files do not belong together, or it does not take word embeddings as input.
    """
    import transformers

    folder = folder_of(name)
    config, tokenizer = config_and_tokenizer(name, folder)
    if task is not None:
        names = task.label_names or ("score",)
        config.num_labels = len(names)
        config.id2label = dict(enumerate(names))
        config.label2id = {label: place for place, label in enumerate(names)}
        config.problem_type = "regression" if task.kind == "regression" else "single_label_classification"
    family = family_of(config) if task is None else TAGS if task.tags else TEXTS
    classes = getattr(transformers, f"AutoModel{family}")
    if type(config) not in classes._model_mapping:
        of = "the tokens of a text" if family == TAGS else "texts"
        raise UserError(f"{name}: transformers has no {config.model_type} model that classifies {of}.")
    model, missing = load_weights(classes, name, folder, config, seed)
    model.eval()
    check_embeddings(model, tokenizer, name)
    check_can_be_moved(model, tokenizer, name)
    return Loaded(model, tokenizer, reads(config, tokenizer), not missing)


def family_of(config: Any) -> str:
    """What a model's head is of, by the classes that its config names."""
    return TAGS if any(str(name).endswith(TAGS) for name in config.architectures or ()) else TEXTS


def config_and_tokenizer(name: str, folder: Path) -> tuple[Any, Any]:
    """A model's config and its tokenizer, which is checked to be one.

    Raises:
        UserError: one of them cannot be loaded, or they do not go together.
    """
    from transformers import AutoConfig, AutoTokenizer

    with quietly(), said_plainly(name):
        config = AutoConfig.from_pretrained(folder, **SAFE)
        tokenizer = AutoTokenizer.from_pretrained(folder, **SAFE)
    check_tokenizer(tokenizer, config, name)
    return config, tokenizer


def load_weights(family: Any, name: str, folder: Path, config: Any, seed: int = 0) -> tuple[Any, list[str]]:
    """A model of an Auto class with the weights of a folder, in float32; and what of its head was not in the file.

    Args:
        seed: of what is drawn for the head.

    Raises:
        UserError: it cannot be loaded, or the weights do not belong to the config (see `model_checks.check_weights`).
    """
    with quietly(), said_plainly(name), torch.random.fork_rng():
        torch.manual_seed(seed)
        model, report = family.from_pretrained(
            folder, config=config, use_safetensors=True, output_loading_info=True, dtype=torch.float32,
            ignore_mismatched_sizes=True, key_mapping=PREFIXES, **SAFE,
        )  # fmt: skip
    return model, check_weights(model, report, name)


@contextmanager
def said_plainly(name: str) -> Iterator[None]:
    """What loaders raise, in one line. Hub clients and loaders raise many kinds."""
    try:
        yield
    except UserError:
        raise
    except Exception as problem:
        raise UserError(unloadable(name, problem)) from None


def reads(config: Any, tokenizer: Any) -> int:
    """How many tokens a model reads, 512 at most."""
    limit = int(getattr(config, "max_position_embeddings", 512) or 512)
    if limit <= 0:  # XLNet's -1: no bound of its own.
        limit = 512
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer"):
        limit -= 2  # Their position numbers start after the padding token's.
    return min(limit, int(min(tokenizer.model_max_length, 512)))


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a model (names as in `load_model`)."""
    return config_and_tokenizer(name, folder_of(name))[1]


def check_can_be_moved(model: Any, tokenizer: Any, name: str, site: str = EMBEDDINGS) -> None:
    """Check that δ can be put in at a site of the model (see `engine.sites`), on a short text.

    Raises:
        UserError: says which model and why.
    """
    inputs = dict(tokenizer("a b", return_tensors="pt"))
    try:
        site_of(model, site, inputs)
    except UserError as problem:
        raise UserError(f"{name}: {problem}") from None
    except Exception as problem:  # Each architecture says in its own way what it wants.
        reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:120]
        raise UserError(
            f"{name}: a {model.config.model_type} model cannot be run on the tokens of a text ({reason})."
        ) from None
