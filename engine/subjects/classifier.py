"""The classifier that an analysis looks at: a run's, a model with a trained head, or a ready-made one."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.anatomy import gives_tags, vocabulary
from engine.ascent import at_radius
from engine.digests import digest_of
from engine.errors import UserError
from engine.methods import get_method
from engine.methods.base import Method
from engine.model_files import read_config, weight_names
from engine.model_names import folder_of
from engine.models import PAIRS, TAGS, TEXTS, Loaded, best_device, load_model
from engine.progress import Progress
from engine.runs.config import TrainConfig, is_pretraining
from engine.runs.ready import ready
from engine.runs.run import RUN
from engine.runs.store import Store
from engine.sites import EMBEDDINGS

HEADS = r"(module\.|_orig_mod\.)*(classifier|pre_classifier|score|logits_proj|classification_head|out_proj)\."
READY_DATASET = "movie-sentiment"
READY_STEPS = 150
# An encoder with random weights, of another language.
READY_OTHERWISE = {"zh-small": {"dataset": "reviews-zh", "learning_rate": 5e-4, "max_length": 64}}


@dataclass
class Classifier:
    """A model that can be analysed. `origin`: for people, where it is from. `fingerprint`: of its weights' file.
    `method_state`: a TextAT run's table, as its method keeps it.
    `tags`: whether it says something of every token, not of a text as a whole.
    `reference`: how to get it again (see `references.load_subject`). `mark`: why it says nothing of its inputs, of a run that
    has collapsed. `pairs`: whether it was trained on pairs of sentences; None: not known.
    """

    model: Any
    tokenizer: Any
    max_length: int
    labels: tuple[str, ...]
    is_regression: bool
    origin: str
    fingerprint: str
    method_state: dict[str, Any] | None = None
    reference: str = ""
    mark: str = ""
    pairs: bool | None = None
    tags: bool = False

    @property
    def device(self) -> Any:
        """The device that the model is on."""
        return self.model.device

    def fitted(self, method: Method[Any]) -> Method[Any]:
        """The method itself; TextAT on a TextAT run starts from that run's table."""
        if method.name == "textat" and self.method_state is not None:
            method.load_state_dict({name: each.to(self.device) for name, each in self.method_state.items()})
        return method

    def method(self, name: str, settings: dict[str, Any] | None = None, seed: int = 0) -> Method[Any]:
        """A method by its name and settings, for this model's tokenizer, with its own table if it has one."""
        made = get_method(name)
        return self.fitted(made(made.Settings.parse(settings or {}), tokenizer=self.tokenizer, seed=seed))

    def at_radius(self, name: str, epsilon: float, steps: int, seed: int = 0, site: str = EMBEDDINGS) -> Method[Any]:
        """As `method`, set up so that all methods can be compared at one ε (see `engine.ascent.at_radius`)."""
        return self.fitted(at_radius(name, epsilon, steps, site, tokenizer=self.tokenizer, seed=seed))

    @cached_property
    def no_words(self) -> list[int]:
        """Places of the table of word embeddings that are no words: special tokens, unused ones, and rows without a token."""
        rows, special = len(vocabulary(self.model)), self.tokenizer.all_special_ids
        names = self.tokenizer.convert_ids_to_tokens(list(range(min(len(self.tokenizer), rows))))
        unused = [place for place, token in enumerate(names) if token is None or token.startswith("[unused")]
        return sorted({*unused, *special, *range(len(names), rows)})

    def logits(self, batch: Mapping[str, Tensor]) -> Tensor:
        """What the model says of a batch as it stands, `[B, C]` (of tags `[B, L, C]`), without gradients."""
        with torch.no_grad():
            found: Tensor = self.model(**{name: each for name, each in batch.items() if name != "labels"}).logits
        return found


def _fingerprint(folder: Path) -> str:
    return digest_of(sorted([folder / "config.json", *folder.glob("*.safetensors")]))[:16]


def precise(classifier: Classifier) -> Classifier:
    """The classifier with a copy of its model in float64 (not on MPS, which has none).

    At ε = 1e-5 the output moves by less than float32 resolves: KL values below about 1e-12 would be rounding.
    """
    if classifier.device.type == "mps":
        return classifier
    return replace(classifier, model=copy.deepcopy(classifier.model).double())


def load_classifier(model: str | None = None, run: str | None = None, progress: Progress = None) -> Classifier:
    """The classifier of a run, or of a model by name, on the best device and in evaluation mode.

    `run` is a run's id or name: its finished model, while it trains its last checkpoint; `RUN@STEP` is a model kept at
    an evaluation (`keep_models`).

    A model without a trained head (such as the built-in one) is fine-tuned once, `READY_STEPS` vanilla steps on
    `READY_DATASET` (zh-small: on reviews-zh), and kept in the cache. `progress(step, steps)` is called meanwhile.

    Raises:
        UserError: no such run or model, or the run has no finished model.
    """
    if run is not None:
        return _opened_run(run)
    name = model or "minilm"
    found = folder_of(name)
    if _has_head(found):
        loaded_from, origin = found, name
    else:
        loaded_from, facts = ready_made(name, found, progress)
        origin = (
            f"{name}, fine-tuned for {facts['steps']} vanilla steps on {facts['dataset']}"
            f" (validation accuracy {facts['accuracy']:.3f})"
        )
    return _opened(loaded_from, origin, name)


def _opened_run(run: str) -> Classifier:
    folder, origin, mark = _of_run(run)
    try:
        return _opened(folder, origin, f"{RUN}{run}", mark)
    except (OSError, UserError):
        if folder.exists():
            raise
    # A run that trains has replaced this checkpoint by the next one.
    folder, origin, mark = _of_run(run)
    return _opened(folder, origin, f"{RUN}{run}", mark)


def _opened(folder: Path, origin: str, reference: str, mark: str = "") -> Classifier:
    loaded = load_model(str(folder))
    config = loaded.model.config
    _check_answers(loaded, origin)
    state = _method_state(folder / "method.safetensors")
    loaded.model.to(best_device()).requires_grad_(False)
    return Classifier(
        loaded.model,
        loaded.tokenizer,
        loaded.max_length,
        tuple(str(config.id2label[place]) for place in range(config.num_labels)),
        config.num_labels == 1 and not gives_tags(loaded.model),
        origin,
        _fingerprint(folder),
        state if "rows" in state else None,
        reference,
        mark,
        getattr(config, PAIRS, None),
        gives_tags(loaded.model),
    )


def _check_answers(loaded: Loaded, origin: str) -> None:
    """Refuse what an analysis would report wrongly: a head of random numbers, several labels per text."""
    config = loaded.model.config
    if sorted(config.id2label) != list(range(config.num_labels)):
        raise UserError(
            f"{origin}: its config names the classes {', '.join(map(str, sorted(config.id2label)))[:80]} (id2label), but the"
            f" outputs count from 0 to {config.num_labels - 1}. Correct id2label in config.json."
        )
    if not loaded.has_head:
        raise UserError(
            f"{origin} calls itself a classifier, but its file has no weights of the head: its answers would be random."
            f" Fine-tune it first, for instance `python -m engine train --method vanilla --dataset D --model {origin}`."
        )
    if config.problem_type == "multi_label_classification":
        raise UserError(
            f"{origin} gives several labels per text (multi_label_classification), each yes or no. The analyses here are of"
            " models that choose one class, or give one score."
        )
    if config.problem_type == "regression" and config.num_labels > 1:
        raise UserError(
            f"{origin} gives {config.num_labels} scores per text: the analyses here are of models that give one."
        )


def _method_state(file: Path) -> dict[str, Any]:
    try:
        return load_file(file) if file.exists() else {}
    except SafetensorError as problem:
        raise UserError(f"{file} is damaged ({str(problem)[:120]}): train the run again.") from None


def _of_run(reference: str) -> tuple[Path, str, str]:
    """The folder of a run's model, where it stands in words, and the mark of its end ("" for a model on the way there)."""
    name, at, step = reference.partition("@")
    record = Store().find(name)
    if is_pretraining(record.config["method"]):
        raise UserError(
            f"{record.id} pre-trains ({record.config['method']}): it has no classifier. Fine-tune its encoder with"
            f" `python -m engine train --model {record.model_folder}`, or choose it as the model on Train."
        )
    named = f"{record.name} ({record.id})" if record.name else record.id
    if at:
        kept = record.kept_models
        if not step.isdigit() or int(step) not in kept:
            allowed = ", ".join(map(str, kept)) or "none"
            raise UserError(f"{record.id} kept no model of step {step[:20]!r}. Kept: {allowed}.")
        return kept[int(step)], f"run {named} at step {step}", ""
    if (record.model_folder / "config.json").exists():
        return record.model_folder, f"run {named}", record.mark
    checkpoint = record.last_checkpoint
    if checkpoint is None:
        raise UserError(f"{record.id} is {record.status} and has no model or checkpoint yet. Let it train on.")
    where = f"run {named}, {record.status}, its checkpoint {checkpoint.name.removeprefix('checkpoint-')}"
    return checkpoint, where, ""


def _has_head(folder: Path) -> bool:
    architectures = read_config(folder).get("architectures")
    if not architectures:  # Then the weights say it.
        return any(re.match(HEADS, key) for key in weight_names(folder))
    return any(str(name).endswith((TEXTS, TAGS)) for name in architectures)


def ready_made(name: str, source: Path, progress: Progress = None) -> tuple[Path, dict[str, Any]]:
    """The folder of the briefly fine-tuned classifier of an encoder, made on first use, and what is known of it."""
    plain = {"method": "vanilla", "dataset": READY_DATASET, "model": name, "max_steps": READY_STEPS, "evaluations": 1}
    config = TrainConfig.build({**plain, **READY_OTHERWISE.get(name, {})})
    return ready(f"{_fingerprint(source)}-{config.dataset}-{READY_STEPS}-2", config, ("accuracy",), progress)
