"""Texts that an attack changes: their words, what a word may become, what may be changed at most."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from engine.data.segmentation import word_spans
from engine.settings import CONFIG, Settings

BATCH = 64


@checked(config=CONFIG, kw_only=True, frozen=True)
class Limits(Settings):
    """What an attack may do."""

    most_changed: float = Field(default=0.3, gt=0, le=1)
    """Largest share of the words that may be changed (at least one word always may)."""
    least_similar: float = Field(default=0.7, ge=-1, le=1)
    """Smallest cosine of the sentence embeddings (built-in encoder) before and after (TextFooler: 0.7 to 0.84)."""
    candidates: int = Field(default=12, ge=1, le=50)
    """Similar words that are tried for each word (TextFooler: 50)."""
    keep_meaning: bool = True
    """Leave out opposites, words of another part of speech, and those whose rating by people has the other sign (English)."""
    queries_per_word: int = Field(default=50, ge=2, le=10_000)
    """Texts that the model may be asked about, times the words of the text (TextDefender: 50)."""
    keep_stop_words: bool = True
    """Never change closed-class words such as "the" and "not" (English and Chinese)."""


@dataclass
class State:
    """Where a search stands: the words, what stands between them, and what was changed."""

    words: list[str]
    gaps: list[str]
    label: int
    changes: dict[int, tuple[str, str]] = field(default_factory=dict)

    def text(self, swap: dict[int, str] | None = None) -> str:
        """The text with some words swapped."""
        words = [(swap or {}).get(place, word) for place, word in enumerate(self.words)]
        return "".join(part for pair in zip(self.gaps, [*words, ""], strict=True) for part in pair)

    def spans(self) -> list[tuple[int, int]]:
        """Where each word stands in `text()`: counted, since a changed text may be cut into other words."""
        found, at = [], 0
        for gap, word in zip(self.gaps, self.words, strict=False):
            at += len(gap)
            found.append((at, at + len(word)))
            at += len(word)
        return found

    def swap(self, place: int, word: str) -> None:
        """Change a word for good."""
        old = self.changes.get(place, (self.words[place], ""))[0]
        self.changes[place] = (old, word)
        self.words[place] = word


def split(text: str) -> tuple[list[str], list[str]]:
    """Words, and what stands before, between and after them: one more than words."""
    spans = word_spans(text)
    edges = [0, *(at for span in spans for at in span), len(text)]
    return [text[a:b] for a, b in spans], [text[edges[at] : edges[at + 1]] for at in range(0, len(edges), 2)]


@lru_cache(maxsize=1)
def _sentence_encoder() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    from engine.model_names import model_path
    from engine.models import best_device

    path = model_path("minilm")
    model = AutoModel.from_pretrained(path, use_safetensors=True, dtype=torch.float32).eval().to(best_device())
    return model, AutoTokenizer.from_pretrained(path)


def sentence_similarity(text: str, others: Sequence[str]) -> list[float]:
    """Cosines of the built-in sentence encoder's embeddings (all-MiniLM-L6-v2, mean of the last hidden states).

    A text that is longer than the encoder reads (512 tokens) is read in parts, and the mean is taken over all of them.
    """
    model, tokenizer = _sentence_encoder()
    found = []
    with torch.inference_mode():
        for start in range(0, len(others) + 1, BATCH):
            part = [text, *others][start : start + BATCH]
            batch = tokenizer(
                part, return_tensors="pt", padding=True, truncation=True, max_length=model.config.max_position_embeddings,
                return_overflowing_tokens=True,
            ).to(model.device)  # fmt: skip
            owner = batch.pop("overflow_to_sample_mapping")
            hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
            sums = hidden.new_zeros(len(part), hidden.shape[-1]).index_add(0, owner, (hidden * mask).sum(1))
            found.append(torch.nn.functional.normalize(sums, dim=-1))
    vectors = torch.cat(found)
    return [float(value) for value in vectors[1:] @ vectors[0]]
