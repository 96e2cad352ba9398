"""LoRA adapters (Hu et al. 2022) by peft: a model's weights stay as they are, small ones beside them are trained.

from peft import PeftModel                                # An adapter of a run is loaded in three lines:
base = load_model("minilm", task).model                   # the model that the run began with,
model = PeftModel.from_pretrained(base, "RUN/model/adapter")  # and what it learned.
"""

import copy
import warnings
from pathlib import Path
from typing import Any

from engine.anatomy import gives_tags
from engine.errors import UserError

FOLDER = "adapter"


def with_lora(model: Any, rank: int) -> Any:
    """The model with LoRA adapters of a rank at peft's own places for its architecture (where it knows none, at all linear
    layers); they and the head are trained.

    Args:
        model: an `AutoModelForSequenceClassification` or `AutoModelForTokenClassification`.
        rank: r; the updates are scaled by α/r with α = 2r.

    Raises:
        UserError: peft knows no places in such a model.
    """
    from peft import LoraConfig, TaskType, get_peft_model
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING

    head = [
        name
        for name, part in model.named_children()
        if name != model.base_model_prefix and any(True for _ in part.parameters())
    ]
    settings = LoraConfig(
        task_type=TaskType.TOKEN_CLS if gives_tags(model) else TaskType.SEQ_CLS,
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        modules_to_save=head,
    )
    if model.config.model_type not in TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING:
        settings.target_modules = "all-linear"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # Of what peft asks transformers, not of anything here.
            return get_peft_model(model, settings)
    except (ValueError, TypeError, RuntimeError) as problem:
        reason = str(problem).strip().splitlines()[0][:120]
        raise UserError(f"lora: {model.config.model_type} models cannot have adapters ({reason}).") from None


def is_adapted(model: Any) -> bool:
    """Whether a model has adapters."""
    return hasattr(model, "peft_config")


def save_adapted(model: Any, folder: Path) -> None:
    """Save the whole model as if it had been trained without adapters, and the adapter alone in `folder/adapter`."""
    model.save_pretrained(folder / FOLDER, safe_serialization=True)
    copy.deepcopy(model).merge_and_unload().save_pretrained(folder)
