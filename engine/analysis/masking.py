"""One text under every masking strategy, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.data.segmentation import encode_words, language_of, words
from engine.errors import UserError
from engine.lexicon.similar import similar_words
from engine.models import load_tokenizer
from engine.objectives.masked import Choice
from engine.objectives.masking import STRATEGIES, Masker, MaskingSettings
from engine.progress import Progress
from engine.settings import CONFIG, Settings
from engine.subjects.sentences import Text
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class HowToMask(Settings):
    """What every analysis of masking is asked."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of the masking."""

    @classmethod
    def inner(cls, values: Mapping[str, Any]) -> type[Settings]:
        """The class of the masking's settings."""
        return MaskingSettings

    @field_validator("settings")
    @classmethod
    def _of_masking(cls, given: dict[str, Any]) -> dict[str, Any]:
        return MaskingSettings.parse(given).as_dict()

    model: str | None = None
    """The model whose tokenizer is used (empty: minilm or zh-small, by the text's language)."""
    similar: str = ""
    """Similar words: en, zh or a word2vec file; empty: by the language."""

    def encoder(self, language: str) -> str:
        """The name of the model, or of the built-in one of a language."""
        return self.model or ("zh-small" if language == "zh" else "minilm")


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class MaskingOfText(Text, HowToMask):
    """A text, and how it is masked."""


@dataclass(frozen=True)
class MaskedText(Result):
    """One text under one strategy.

    Attributes:
        words: of the text.
        tokens: [L], before the masking.
        masked: [L], after it.
        word_ids: [L], -1 for none.
        choices: what became of every selected word and why.
        similar: where the similar words are from.
    """

    strategy: str
    words: list[str]
    tokens: list[str]
    masked: list[str]
    word_ids: list[int]
    choices: list[Choice]
    similar: str

    def text(self) -> str:
        """The masked text, and every selected word."""
        rows = [
            (each.before, each.after, each.how, each.ngram,
             "" if each.similarity is None else f"{each.similarity:.2f}")
            for each in self.choices
        ]  # fmt: skip
        head = ("word", "becomes", "how", "n-gram of", "similarity")
        return f"{' '.join(self.masked)}\n\n{columns(rows, head)}"


@dataclass(frozen=True)
class Masking(Result):
    """`strategies`: the text under each, by name."""

    strategies: dict[str, MaskedText]

    def text(self) -> str:
        """One after another."""
        return "\n\n".join(f"{name}: {each.text()}" for name, each in self.strategies.items())


@analysis("masking", "Masking strategies side by side", MaskingOfText, needs="nothing")
def masking(nothing: None, asked: MaskingOfText, progress: Progress = None) -> Masking:
    """One text under every strategy; at least one word (or n-gram) is selected.

    Raises:
        UserError: bad settings, a text that the tokenizer cannot write.
    """
    return Masking({strategy: mask_text(asked, strategy, progress) for strategy in STRATEGIES})


def masker_of(
    settings: MaskingSettings, tokenizer: Any, similar: str, language: str, progress: Progress = None
) -> Masker:
    """A masker, with similar words where its strategy takes them.

    Args:
        similar: en, zh or a word2vec file; "": by the language.
    """
    vectors = similar_words(similar or language, progress) if settings.strategy == "mac" else None
    if settings.replace_share + settings.random_share > 1:
        raise UserError("replace_share and random_share may add up to 1 at most.")
    return Masker(tokenizer, settings, vectors)


def mask_text(asked: MaskingOfText, strategy: str, progress: Progress = None) -> MaskedText:
    """Mask one text in one way."""
    text, settings = asked.text, MaskingSettings.parse({**asked.settings, "strategy": strategy})
    language = language_of(text)
    tokenizer = load_tokenizer(asked.encoder(language))
    encoded = encode_words(tokenizer, text, max_length=256)
    if all(at < 0 for at in encoded["word_ids"]):
        raise UserError(
            f"The tokenizer of {asked.encoder(language)[:80]} finds no word in this text that it can write. Give words, or a"
            " model of the text's language (zh-small for Chinese)."
        )
    masker = masker_of(settings, tokenizer, asked.similar, language, progress)
    ids, places = torch.tensor([encoded["input_ids"]]), torch.tensor([encoded["word_ids"]])
    masked = masker.mask(ids, places, seed=asked.seed, describe=True, at_least_one=True)
    return MaskedText(
        strategy=settings.strategy,
        words=words(text),
        tokens=tokenizer.convert_ids_to_tokens(encoded["input_ids"]),
        masked=tokenizer.convert_ids_to_tokens(masked.input_ids[0].tolist()),
        word_ids=encoded["word_ids"],
        choices=masked.choices,
        similar=masker.similar.name if masker.similar else "",
    )
