"""Masking as a data collator for any Trainer."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.data.segmentation import words_by_marks
from engine.objectives.masking import Masker


class MaskingCollator:
    """A data collator for any Trainer: pads, masks, and gives `labels` for a masked language model.

    Features need `input_ids`; with `word_ids` (from `segmentation.encode_words`; a Trainer hands them on with
    `remove_unused_columns=False`) whole words are known. Without them they are read off the tokens' marks: ## of
    WordPiece (a character of Chinese is then a word), ▁ of SentencePiece, Ġ of byte-level BPE. Of other columns of the
    features (texts, labels) nothing is handed on.
    """

    def __init__(self, masker: Masker) -> None:
        self.masker = masker

    def pad(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Pad to the longest; `word_ids` are padded with -1."""
        tokenizer = self.masker.tokenizer
        kept = {*tokenizer.model_input_names, "order"}
        plain = [{name: value for name, value in each.items() if name in kept} for each in features]
        batch: dict[str, Tensor] = dict(tokenizer.pad(plain, return_tensors="pt"))
        width = batch["input_ids"].shape[1]
        places = torch.full((len(features), width), -1)
        for row, each in enumerate(features):
            words = each.get("word_ids") or words_by_marks(tokenizer, each["input_ids"])
            offset = 0 if tokenizer.padding_side == "right" else width - len(words)
            places[row, offset : offset + len(words)] = torch.tensor(words)
        batch["word_ids"] = places
        return batch

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """A padded, masked batch; the draw comes from torch's generator."""
        batch = self.pad(features)
        masked = self.masker.mask(batch["input_ids"], batch.pop("word_ids"), seed=int(torch.randint(2**31, ()).item()))
        return {**batch, "input_ids": masked.input_ids, "labels": masked.labels}
