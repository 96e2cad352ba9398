"""One sentence (or pair) that is looked at, with what the loss is taken against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.errors import UserError
from engine.methods import get_method
from engine.methods.base import Method
from engine.settings import CONFIG, Settings
from engine.subjects.classifier import Classifier
from engine.subjects.seen import EMPTY, can_be_seen

MOST_SCORE = 1e30


@dataclass(frozen=True)
class Encoded:
    """A sentence as a batch of one on the model's device. `truncated`: whether it was cut to the model's length."""

    batch: dict[str, Tensor]
    truncated: bool

    @property
    def ids(self) -> Tensor:
        """Token ids, `[L]`."""
        return self.batch["input_ids"][0]


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class Text(Settings):
    """What every analysis of one text is asked."""

    text: str
    """The sentence."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of everything random."""

    @field_validator("text")
    @classmethod
    def _has_words(cls, given: str) -> str:
        if not can_be_seen(given):
            raise ValueError(EMPTY)
        return given


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class Sentence(Text):
    """A sentence or a pair, with what the loss is taken against."""

    text_pair: str | None = None
    """A second sentence, for models of pairs."""
    label: str | int | float | None = None
    """What the loss is taken against: a class's number or name, or a score; empty: the model's own prediction."""

    @field_validator("text_pair")
    @classmethod
    def _pair_has_words(cls, given: str | None) -> str | None:
        if given is not None and not can_be_seen(given):
            raise ValueError("The second text is empty: give at least one word, or leave it out.")
        return given

    def encoded(self, classifier: Classifier) -> Encoded:
        """As the classifier reads it."""
        full = classifier.tokenizer(self.text, self.text_pair, truncation=False, verbose=False)
        encoded = classifier.tokenizer(
            self.text, self.text_pair, truncation=True, max_length=classifier.max_length, return_tensors="pt"
        )
        batch = {name: tensor.to(classifier.device) for name, tensor in encoded.items()}
        return Encoded(batch, len(full["input_ids"]) > encoded["input_ids"].shape[1])


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class Ascent(Sentence):
    """A sentence, and the method whose ascent is followed on it."""

    method: str = "pgd"
    """The method whose ascent is followed: vanilla, pgd, freeat, freelb, smart or textat."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of the method."""

    @field_validator("method")
    @classmethod
    def _known(cls, given: str) -> str:
        return get_method(given).name

    @model_validator(mode="after")
    def _of_the_method(self) -> Self:
        get_method(self.method).Settings.parse(self.settings)
        return self

    @classmethod
    def inner(cls, values: Mapping[str, Any]) -> type[Settings]:
        """The class of the method's settings."""
        return get_method(str(values.get("method", "pgd"))).Settings

    def adversary(self, classifier: Classifier) -> Method[Any]:
        """The method, set up for the classifier."""
        return classifier.method(self.method, self.settings, self.seed)


def resolve_label(
    classifier: Classifier, label: str | int | float | None, batch: Mapping[str, Tensor]
) -> tuple[Tensor, bool]:
    """The label of one example as `[1]`, and whether it was given: a class number, a class name or a score.

    None takes what the model says of the clean input.

    Raises:
        UserError: it is out of range.
    """
    clean = classifier.logits(batch)
    if label is None:
        value = clean.reshape(-1)[:1] if classifier.is_regression else clean.argmax(dim=-1)
        return value.detach(), False
    try:
        if classifier.is_regression:
            if abs(score := float(label)) < MOST_SCORE:  # Neither NaN nor infinite.
                return torch.tensor([score], device=clean.device), True
            raise ValueError
        names = list(classifier.labels)
        place = names.index(str(label)) if str(label) in names else int(label)
        if 0 <= place < len(names):
            return torch.tensor([place], device=clean.device), True
    except ValueError:
        pass
    allowed = (
        "a number"
        if classifier.is_regression
        else f"0 to {len(classifier.labels) - 1}, or {', '.join(classifier.labels)}"
    )
    raise UserError(f"The label {str(label)[:40]!r} is out of range: allowed is {allowed}.")
