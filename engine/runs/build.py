"""From a configuration to a trainer: fine-tuning with a method, or pre-training with an objective."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainingArguments

from engine import distributed
from engine.adapters import with_lora
from engine.data import encoding
from engine.data.encoding import LENGTH, by_length, check_words, collator, encode, is_lazy
from engine.data.legibility import sample_of, unreadable
from engine.data.sources import load_dataset, load_texts
from engine.data.tasks import TaskData, metrics_of
from engine.errors import UserError
from engine.methods import get_method
from engine.model_files import padding_said
from engine.models import PAIRS, Loaded, best_device, check_can_be_moved, load_model
from engine.runs.config import TrainConfig, is_pretraining
from engine.sites import EMBEDDINGS, checkpointing
from engine.trainer import AdversarialTrainer

LOGGED_POINTS = 500
EVALUATED_TEXTS = 512


@dataclass
class Job:
    """A trainer ready to train, and what its result is judged by."""

    trainer: Any
    metrics: tuple[str, ...]
    main_metric: str
    sentences: int
    majority: float | None = None


def training_arguments(config: TrainConfig, folder: Path, batches: int) -> TrainingArguments:
    """Trainer's arguments for a run. `batches`: batches per epoch."""
    per_epoch = max(1, -(-batches // (config.gradient_accumulation * distributed.processes())))
    total = config.max_steps or max(1, int(config.epochs * per_epoch))
    device = best_device()
    bf16 = config.precision == "bf16" or (
        config.precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported()
    )
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        max_steps=config.max_steps or -1,
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=max(64, config.batch_size),
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup_steps=config.warmup_share if config.warmup_share < 1 else total,
        max_grad_norm=config.max_gradient_norm,
        gradient_accumulation_steps=config.gradient_accumulation,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        eval_strategy="steps",
        eval_steps=max(1, -(-total // config.evaluations)),
        save_strategy="steps",
        save_steps=max(1, -(-total // (config.checkpoints + 1))),
        save_total_limit=2,  # The one before, should the last one be damaged.
        logging_steps=max(1, total // LOGGED_POINTS),
        logging_nan_inf_filter=False,
        bf16=bf16,
        tf32=True if device.type == "cuda" else None,
        optim="adamw_torch_fused" if device.type == "cuda" else "adamw_torch",
        torch_compile=config.compile,
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        remove_unused_columns=not is_pretraining(config.method),
        seed=config.seed,
        report_to=[],
        disable_tqdm=True,
    )


def _bucket(config: TrainConfig) -> int | None:
    """What padded lengths are a multiple of: few shapes for compiled code, whole tiles for a GPU's matrix units."""
    if config.compile:
        return 32
    return 8 if best_device().type == "cuda" else None


def build_trainer(config: TrainConfig, loaded: Loaded, data: TaskData, folder: Path) -> AdversarialTrainer:
    """The trainer of a fine-tune. It prints nothing by itself."""
    length = min(config.max_length, loaded.max_length)
    train, validation = (
        encode(data.splits[split], loaded.tokenizer, data.task, length) for split in ("train", "validation")
    )
    method_class = get_method(config.method)
    method = method_class(
        method_class.Settings.parse(config.method_settings),
        tokenizer=loaded.tokenizer,
        seed=config.seed,
    )
    arguments = training_arguments(config, folder, -(-len(train) // config.batch_size))
    # A lazy split makes its columns when it is read: none of those that it has now is left out.
    arguments.remove_unused_columns = not (is_lazy(train) or is_lazy(validation))
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


def _objective(config: TrainConfig, texts: list[str]) -> tuple[Any, Any, int]:
    """The objective of a pre-training run, its tokenizer, and the tokens it reads."""
    from engine.data.segmentation import language_of
    from engine.lexicon.similar import similar_words
    from engine.objectives import electra, macbert
    from engine.objectives.start import load_discriminator, load_masked_lm

    if config.method == "electra":
        settings = electra.ELECTRASettings.parse(config.method_settings)
        if settings.strategy == "mac":
            raise UserError(
                "strategy: ELECTRA's generator fills masks; allowed are original, wwm and ngram, but it is mac."
            )
        encoder, generator, head, tokenizer, length = load_discriminator(
            config.model, settings.from_scratch, config.seed
        )
        made: Any = electra.ELECTRA(encoder, tokenizer, settings, generator=generator, head=head, seed=config.seed)
        return made, tokenizer, length
    of_macbert = macbert.MacBERTSettings.parse(config.method_settings)
    model, tokenizer, length = load_masked_lm(config.model, of_macbert.from_scratch, config.seed)
    similar = None
    if of_macbert.strategy == "mac":
        similar = similar_words(of_macbert.similar or language_of(" ".join(texts[:200])))
    return macbert.MacBERT(model, tokenizer, of_macbert, similar, seed=config.seed), tokenizer, length


def build_pretrainer(config: TrainConfig, folder: Path) -> Any:
    """The trainer of a pre-training run.

    Raises:
        UserError: no text, a tokenizer that cannot write it, settings that do not fit.
    """
    import datasets

    from engine.data.segmentation import encode_words
    from engine.objectives.macbert import encode_order
    from engine.objectives.trainer import ObjectiveTrainer

    datasets.disable_progress_bars()
    texts = load_texts(config.dataset)
    objective, tokenizer, most = _objective(config, texts["train"])
    length = min(config.max_length, most)
    order = bool(getattr(objective.settings, "sentence_order", False))

    def encoded(part: list[str]) -> datasets.Dataset:
        def tokenise(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
            made = [
                encode_order(tokenizer, text, place % 2 == 1, length)
                if order
                else encode_words(tokenizer, text, None, length)
                for text, place in zip(rows["text"], rows["place"], strict=True)
            ]
            columns = {name: [each[name] for each in made] for name in made[0]}
            return {**columns, LENGTH: [len(each["input_ids"]) for each in made]}

        plain = datasets.Dataset.from_dict({"text": part, "place": list(range(len(part)))})
        if len(part) > encoding.LARGE:  # When it is read, as `encoding.encode` does.
            return plain.add_column(LENGTH, [len(text) for text in part]).with_transform(tokenise)
        return plain.map(tokenise, batched=True, remove_columns=plain.column_names)

    train = encoded(texts["train"])
    unknown = tokenizer.unk_token_id
    sample = [token for ids in train[:200]["input_ids"] for token in ids]
    share = sum(token == unknown for token in sample) / max(1, len(sample))
    if share > 0.3:
        raise UserError(
            f"The tokenizer of {config.model} cannot write {share:.0%} of this text: choose a model of the text's language"
            " (zh-small for Chinese)."
        )
    trainer = ObjectiveTrainer(
        objective,
        training_arguments(config, folder, -(-len(train) // config.batch_size)),
        train_dataset=train,
        eval_dataset=by_length(encoded(texts["validation"][:EVALUATED_TEXTS])),
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


METRICS = {
    "electra": ("auc", "precision", "recall", "generator_accuracy", "mlm_loss", "discriminator_loss"),
    "macbert": ("correction_accuracy", "changed_accuracy", "order_accuracy"),
}


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
    return Job(trainer, data.task.metrics, data.task.main_metric, len(data.splits["train"]), majority)


def check(config: TrainConfig) -> list[str]:
    """Look at everything that can be wrong with a run before it exists, so that nothing half-made stays behind.

    Returns:
        What was understood of the data, and what a person should know before the training, in sentences.

    Raises:
        UserError: says what is wrong.
    """
    if is_pretraining(config.method):
        if config.lora or config.gradient_checkpointing:
            raise UserError("lora and gradient_checkpointing are of fine-tuning: pre-training trains all weights.")
        texts = load_texts(config.dataset)
        _objective(config, texts["train"])
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
    return [*data.described(), *(said for said in (cannot, padding_said(loaded.tokenizer)) if said)]
