"""What a pre-training objective is: a module, what it does with a batch, and what is kept of it at the end."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from engine.objectives.collator import MaskingCollator
from engine.objectives.masking import MaskingSettings
from engine.registry import Recipe


class Objective(Recipe, ABC):
    """One way to pre-train an encoder on plain text.

    The masks are drawn in `loss`, from torch's generator, which checkpoints keep: so a resumed run goes on as if it
    had never stopped.
    """

    Settings: ClassVar[type[MaskingSettings]]
    main_metric: ClassVar[str]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    module: nn.Module
    collator: MaskingCollator
    tokenizer: Any

    @abstractmethod
    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a padded batch (`input_ids`, `word_ids`, …), and what `metrics` needs, tensors by name."""

    @abstractmethod
    def metrics(self, collected: Mapping[str, Tensor]) -> dict[str, float]:
        """Figures over an evaluation: what `loss` gave, concatenated over its batches (1-D tensors)."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Save the encoder so that `AutoModel.from_pretrained(folder)` loads it, with its tokenizer."""

    def masked(self, batch: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """The batch as the model sees it and the labels, with masks drawn anew."""
        inputs = {name: tensor for name, tensor in batch.items() if name not in ("word_ids", "order")}
        seed = int(torch.randint(2**31, ()).item())
        masked = self.collator.masker.mask(batch["input_ids"].cpu(), batch["word_ids"].cpu(), seed=seed)
        device = batch["input_ids"].device
        return {**inputs, "input_ids": masked.input_ids.to(device)}, masked.labels.to(device)
