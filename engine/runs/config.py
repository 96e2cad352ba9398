"""What a training run is asked to do."""

from typing import Any, Literal, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from engine.errors import UserError, known
from engine.settings import CONFIG, Settings


def recipe(name: str) -> Any:
    """The class of a method or of a pre-training objective by its name.

    Raises:
        UserError: no such method; lists those there are.
    """
    from engine.methods import METHODS
    from engine.objectives import OBJECTIVES

    if name in OBJECTIVES:
        return OBJECTIVES.get(name)
    if name not in METHODS:
        known("method", name, [*METHODS.names(), *OBJECTIVES.names()])
    return METHODS.get(name)


def is_pretraining(name: str) -> bool:
    """Whether it is an objective of pre-training rather than a method of fine-tuning."""
    from engine.objectives import OBJECTIVES

    return name in OBJECTIVES


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class TrainConfig(Settings):
    """A fine-tune, or a pre-training run. The CLI's flags and the Train page's widgets are made from these fields."""

    method: str = "freelb"
    """Method: vanilla, pgd, freeat, freelb, smart or textat; to pre-train: electra or macbert."""
    dataset: str = "movie-sentiment"
    """Data set: a built-in name, a path to a file or folder, or a hub name."""
    model: str = "minilm"
    """Encoder: a built-in name, a local folder, or a hub name."""
    max_steps: int | None = Field(default=None, ge=1, le=10_000_000)
    """Optimiser steps. None: as many as `epochs` needs."""
    epochs: float = Field(default=3.0, gt=0, le=1000)
    """Passes over the training data, if `max_steps` is not given (FreeAT divides them by m)."""
    batch_size: int = Field(default=32, ge=1, le=4096)
    """Sentences per optimiser step and device, before accumulation."""
    learning_rate: float = Field(default=8e-5, gt=0, le=1)
    """Peak learning rate τ (papers: 5e-6 to 5e-5 for large encoders; the small built-in one takes more)."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Weight decay of AdamW (papers: 0.01)."""
    warmup_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the steps in which the learning rate rises (papers: 6 to 12 %); then it falls linearly to 0."""
    max_gradient_norm: float = Field(default=1.0, ge=0)
    """Gradients are clipped to this norm; 0 turns clipping off."""
    gradient_accumulation: int = Field(default=1, ge=1, le=1024)
    """Batches per optimiser step."""
    train_limit: int | None = Field(default=None, ge=2, le=2**31 - 1)
    """Labelled examples to train on: a random sample of them, drawn by the seed. Empty: all."""
    max_length: int = Field(default=128, ge=4, le=4096)
    """Tokens per sentence (or pair); longer ones are cut."""
    evaluations: int = Field(default=5, ge=1, le=1000)
    """How often the model is evaluated on the validation split, evenly spread, the end included."""
    checkpoints: int = Field(default=4, ge=1, le=1000)
    """How often a checkpoint is written from which the run can be resumed, evenly spread."""
    keep_models: bool = False
    """Keep the model of every evaluation, to look back at how it changed (each takes the model's full size)."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format: bf16 on a GPU that has it, else fp32."""
    lora: int | None = Field(default=None, ge=1, le=1024)
    """Rank of LoRA adapters: only they and the head are trained, so that a large model fits. Empty: all weights."""
    gradient_checkpointing: bool = False
    """Compute the blocks anew in the backward pass: about a third more time, far less memory."""
    compile: bool = False
    """Compile the model with torch.compile (slow start, faster steps on a GPU)."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the head's weights, the data order, dropout and random starts."""
    name: str = Field(default="", max_length=80)
    """A name for people."""
    method_settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of the method; those that are not given keep their defaults."""

    @classmethod
    def own_names(cls) -> list[str]:
        """Fields that are set by one plain value."""
        return [name for name in cls.names() if name != "method_settings"]

    @classmethod
    def build(cls, values: dict[str, Any], settings: dict[str, Any] | None = None, preset: str = "") -> Self:
        """Check everything. `settings` are `key=value` pairs, of the method first, else of the run itself.

        `preset`: a published preset of the method; `values` and `settings` come before it.

        Raises:
            UserError: says which name or value is wrong and what is allowed.
        """
        method = recipe(str(values.get("method", "freelb")))
        names = method.Settings.names()
        of_preset, of_preset_run = method.preset(preset) if preset else ({}, {})
        of_method = of_preset | dict(values.get("method_settings") or {})
        of_run = of_preset_run | {key: value for key, value in values.items() if key != "method_settings"}
        for key, value in (settings or {}).items():
            if key in names:
                of_method[key] = value
            elif key in cls.own_names():
                of_run[key] = value
            else:
                raise UserError(
                    f"Unknown setting {key[:60]!r}. Allowed for {method.name}: {', '.join(names) or 'nothing of its own'}; for any run:"
                    f" {', '.join(cls.own_names())}."
                )
        complete = method.Settings.parse(of_method).as_dict()
        return cls.parse({**of_run, "method_settings": complete})
