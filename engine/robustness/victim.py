"""The classifier that a word attack asks about whole texts."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.methods.passes import PerturbedBatch
from engine.robustness.text import BATCH
from engine.subjects.classifier import Classifier


class Victim:
    """The classifier as a black box on texts; counts what it is asked. `pair`: a second sentence that stays as it is; `asked`: is told
    the count after every batch.
    """

    def __init__(
        self, classifier: Classifier, pair: str | None = None, asked: Callable[[int], None] | None = None
    ) -> None:
        self.classifier, self.pair, self.queries, self.asked = classifier, pair, 0, asked

    def encode(self, texts: Sequence[str]) -> Any:
        """A padded batch."""
        tokenizer = self.classifier.tokenizer
        pairs = None if self.pair is None else [self.pair] * len(texts)
        return tokenizer(
            list(texts),
            pairs,
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=self.classifier.max_length,
        ).to(self.classifier.device)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Class probabilities, `[N, C]`, on the CPU."""
        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                part = texts[start : start + BATCH]
                found.append(self.classifier.model(**self.encode(part)).logits.float().cpu())
                self.queries += len(part)
                if self.asked is not None:
                    self.asked(self.queries)
        return torch.cat(found).softmax(dim=-1)

    def gradient(self, text: str, label: int) -> tuple[Tensor, list[tuple[int, int]]]:
        """∇ of the label's loss in the word embeddings `[L, D]`, and the characters that each token stands for."""
        tokenizer, model = self.classifier.tokenizer, self.classifier.model
        encoded = tokenizer(
            text, self.pair, return_tensors="pt", truncation=True, max_length=self.classifier.max_length,
            return_offsets_mapping=True,
        )  # fmt: skip
        offsets = encoded.pop("offset_mapping")[0].tolist()
        first = [side == 0 for side in encoded.sequence_ids(0)]
        batch = encoded.to(model.device)
        self.queries += 1
        here = PerturbedBatch(model, {**batch, "labels": torch.tensor([label], device=model.device)})
        at = here.forward()
        gradient = here.input_gradient(here.loss(at.logits), at)
        return gradient[0], [tuple(at) if own else (0, 0) for at, own in zip(offsets, first, strict=True)]
