"""The masking strategies on one text, and their shares over a corpus."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from engine.errors import UserError
from engine.models import load_tokenizer
from engine.objectives.collator import MaskingCollator
from engine.objectives.masking import Choice, Masked, Masker, MaskingSettings, statistics
from engine.objectives.segmentation import encode_words, words
from engine.objectives.similar import language_of, similar_words

Progress = Callable[[int, int], None] | None


@dataclass(frozen=True)
class MaskedText:
    """One text under one strategy.

    Attributes:
        words: of the text. tokens, masked: [L], before and after. word_ids: [L], -1 for none.
        choices: what became of every selected word and why. similar: where the similar words are from.
    """

    strategy: str
    words: list[str]
    tokens: list[str]
    masked: list[str]
    word_ids: list[int]
    choices: list[Choice]
    similar: str


def _masker(settings: MaskingSettings, tokenizer: Any, similar: str, language: str, progress: Progress) -> Masker:
    vectors = similar_words(similar or language, progress) if settings.strategy == "mac" else None
    if settings.replace_share + settings.random_share > 1:
        raise UserError("replace_share and random_share may add up to 1 at most.")
    return Masker(tokenizer, settings, vectors)


def mask_text(
    text: str,
    settings: dict[str, Any],
    *,
    model: str | None = None,
    similar: str = "",
    seed: int = 0,
    progress: Progress = None,
) -> MaskedText:
    """Mask one text; at least one word (or n-gram) is selected.

    Args:
        settings: of `MaskingSettings`. model: whose tokenizer; None: by the text's language. similar: `en`, `zh` or a
            word2vec file; "": by the language.

    Raises:
        UserError: empty text, bad settings, a text that the tokenizer cannot write.
    """
    if not text.strip():
        raise UserError("The text is empty: give at least one word.")
    checked = MaskingSettings.parse(settings)
    language = language_of(text)
    name = model or ("zh-small" if language == "zh" else "minilm")
    tokenizer = load_tokenizer(name)
    encoded = encode_words(tokenizer, text, max_length=256)
    if all(at < 0 for at in encoded["word_ids"]):
        raise UserError(
            f"The tokenizer of {name[:80]} finds no word in this text that it can write. Give words, or a model of the"
            " text's language (zh-small for Chinese)."
        )
    masker = _masker(checked, tokenizer, similar, language, progress)
    ids, places = torch.tensor([encoded["input_ids"]]), torch.tensor([encoded["word_ids"]])
    masked = masker.mask(ids, places, seed=seed, describe=True, at_least_one=True)
    return MaskedText(
        strategy=checked.strategy,
        words=words(text),
        tokens=tokenizer.convert_ids_to_tokens(encoded["input_ids"]),
        masked=tokenizer.convert_ids_to_tokens(masked.input_ids[0].tolist()),
        word_ids=encoded["word_ids"],
        choices=masked.choices,
        similar=masker.similar.name if masker.similar else "",
    )


def corpus_statistics(
    dataset: str,
    settings: dict[str, Any],
    *,
    model: str | None = None,
    similar: str = "",
    limit: int = 1000,
    seed: int = 0,
    progress: Progress = None,
) -> dict[str, Any]:
    """Shares over the first `limit` training texts of a data set (see `masking.statistics`)."""
    from engine.data.sources import load_texts

    texts = load_texts(dataset)["train"][:limit]
    language = language_of(" ".join(texts[:100]))
    tokenizer = load_tokenizer(model or ("zh-small" if language == "zh" else "minilm"))
    masker = _masker(MaskingSettings.parse(settings), tokenizer, similar, language, progress)
    collator = MaskingCollator(masker)
    found: list[Masked] = []
    for start in range(0, len(texts), 64):
        batch = collator.pad([encode_words(tokenizer, text) for text in texts[start : start + 64]])
        found.append(masker.mask(batch["input_ids"], batch["word_ids"], seed=seed + start, describe=True))
        if progress is not None:
            progress(min(start + 64, len(texts)), len(texts))
    return {**statistics(found), "texts": len(texts)}
