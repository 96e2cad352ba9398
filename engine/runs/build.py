"""From a configuration to a trainer: fine-tuning with a method, or pre-training with an objective."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from engine import distributed
from engine.adapters import with_lora
from engine.data.encoding import by_length, check_words, collator, encode, is_lazy, tokenising
from engine.data.legibility import sample_of, unreadable
from engine.data.metrics import metrics_of
from engine.data.rows import EncodedRows, StreamedRows
from engine.data.sources import load_dataset, load_texts
from engine.data.tasks import TaskData
from engine.errors import UserError
from engine.methods import get_method
from engine.model_checks import padding_said
from engine.models import PAIRS, Loaded, best_device, check_can_be_moved, load_model
from engine.runs.arguments import training_arguments
from engine.runs.config import TrainConfig, is_pretraining
from engine.runs.pretraining import METRICS, build_pretrainer, objective_of
from engine.sites import EMBEDDINGS, checkpointing
from engine.trainer import AdversarialTrainer


@dataclass
class Job:
    """A trainer ready to train, and what its result is judged by."""

    trainer: Any
    metrics: tuple[str, ...]
    main_metric: str
    sentences: int
    majority: float | None = None
    validation: int | None = None
    """How many examples it is judged on; None for pre-training, which counts tokens."""


def _bucket(config: TrainConfig) -> int | None:
    """What padded lengths are a multiple of: few shapes for compiled code, whole tiles for a GPU's matrix units."""
    if config.compile:
        return 32
    return 8 if best_device().type == "cuda" else None


def trained_on(data: TaskData, config: TrainConfig) -> Any:
    """The training split (all of a streamed one), or the sample of it that `train_limit` asks for: the same for every method, another
    for every seed.

    Raises:
        UserError: of a streamed split more is asked for than its sample has.
    """
    table = data.splits["train"]
    if data.stream is not None:
        if config.train_limit is None:
            return data.stream
        if config.train_limit > len(table):
            raise UserError(
                f"train_limit draws from the {len(table):,} rows that were read of this data set: ask for fewer, or for all (leave it"
                " empty, and say how long with max_steps)."
            )
    if config.train_limit is None or config.train_limit >= len(table):
        return table
    return table.sample(config.train_limit, random_state=config.seed).sort_index().reset_index(drop=True)


def build_trainer(config: TrainConfig, loaded: Loaded, data: TaskData, folder: Path) -> AdversarialTrainer:
    """The trainer of a fine-tune. It prints nothing by itself."""
    length = min(config.max_length, loaded.max_length)
    validation = encode(data.splits["validation"], loaded.tokenizer, data.task, length)
    train: Any = trained_on(data, config)
    if isinstance(train, StreamedRows):
        together = config.batch_size * distributed.processes()
        train = EncodedRows(train, tokenising(loaded.tokenizer, data.task, length), config.seed, together)
    else:
        train = encode(train, loaded.tokenizer, data.task, length)
    method_class = get_method(config.method)
    method = method_class(
        method_class.Settings.parse(config.method_settings),
        tokenizer=loaded.tokenizer,
        seed=config.seed,
    )
    arguments = training_arguments(config, folder, -(-len(train) // config.batch_size))
    # A lazy split makes its columns when it is read: none of those that it has now is left out.
    arguments.remove_unused_columns = not (isinstance(train, EncodedRows) or is_lazy(train) or is_lazy(validation))
    if config.gradient_checkpointing:
        checkpointing(loaded.model)
    trainer = AdversarialTrainer(
        with_lora(loaded.model, config.lora) if config.lora else loaded.model,
        arguments,
        data_collator=collator(loaded.tokenizer, _bucket(config), tags=data.task.tags),
        train_dataset=train,
        eval_dataset=by_length(validation),  # Batches of equal lengths; no metric depends on the order.
        processing_class=loaded.tokenizer,
        compute_metrics=metrics_of(data.task),
        method=method,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def build(config: TrainConfig, folder: Path) -> Job:
    """Everything that a run needs to train."""
    if is_pretraining(config.method):
        trainer = build_pretrainer(config, folder)
        return Job(trainer, METRICS[config.method], trainer.objective.main_metric, len(trainer.train_dataset))
    data = load_dataset(config.dataset)
    loaded = load_model(config.model, data.task, config.seed)
    setattr(loaded.model.config, PAIRS, data.is_pair)
    trainer = build_trainer(config, loaded, data, folder)
    majority = None if data.task.kind == "regression" else data.majority_rate("validation")
    trained, judged = len(trained_on(data, config)), len(data.splits["validation"])
    return Job(trainer, data.task.metrics, data.task.main_metric, trained, majority, judged)


def check(config: TrainConfig) -> list[str]:
    """Look at everything that can be wrong with a run before it exists, so that nothing half-made stays behind.

    Returns:
        What was understood of the data, and what a person should know before the training, in sentences.

    Raises:
        UserError: says what is wrong.
    """
    if is_pretraining(config.method):
        if config.lora or config.gradient_checkpointing or config.train_limit:
            raise UserError(
                "lora, gradient_checkpointing and train_limit are of fine-tuning: pre-training trains all weights, on all texts."
            )
        texts = load_texts(config.dataset)
        objective_of(config, texts["train"])
        return [f"Texts: {len(texts['train']):,} train, {len(texts['validation']):,} validation."]
    data = load_dataset(config.dataset)
    loaded = load_model(config.model, data.task, config.seed)
    check_can_be_moved(loaded.model, loaded.tokenizer, config.model, config.method_settings.get("site", EMBEDDINGS))
    get_method(config.method).check_tokenizer(loaded.tokenizer)
    if config.gradient_checkpointing:
        checkpointing(loaded.model)
    if config.lora:
        with_lora(loaded.model, config.lora)
    if data.task.tags:
        for split in ("train", "validation"):
            check_words(loaded.tokenizer, data.splits[split]["text"].head(200).tolist(), split)
    cannot = unreadable(loaded.tokenizer, sample_of(data.splits["train"]))
    limited = f"Trained on {len(trained_on(data, config)):,} of them, drawn by the seed." if config.train_limit else ""
    return [*data.described(), *(said for said in (limited, cannot, padding_said(loaded.tokenizer)) if said)]
