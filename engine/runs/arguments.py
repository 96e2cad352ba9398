"""A run's configuration as Trainer's arguments."""

from pathlib import Path

import torch
from transformers import TrainingArguments

from engine import distributed
from engine.models import best_device
from engine.runs.config import TrainConfig, is_pretraining

LOGGED_POINTS = 500


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
        optim="adamw_torch" if device.type == "mps" else "adamw_torch_fused",
        torch_compile=config.compile,
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        remove_unused_columns=not is_pretraining(config.method),
        seed=config.seed,
        report_to=[],
        disable_tqdm=True,
    )
