"""Whether a tokenizer can write a text: what it cannot is unknown to the model, and every figure is of other words."""

from typing import Any

import pandas as pd

from engine.data.segmentation import HAN, language_of, piece_text

UNKNOWN = 0.2  # Share of unknown tokens from which on it is said.
SPELT = 0.6  # Share of tokens that are single letters from which on it is said.
SAMPLE = 200  # Texts of a data set that are looked at.


def sample_of(table: pd.DataFrame) -> list[str]:
    """The first texts of a table with `text` and perhaps `text_pair`."""
    columns = [column for column in ("text", "text_pair") if column in table]
    return [text for column in columns for text in table[column].head(SAMPLE).astype(str)]


def unreadable(tokenizer: Any, texts: list[str]) -> str:
    """That a model cannot read texts, with the share of their tokens that are unknown to it; "" if it can."""
    ids = [token for row in tokenizer(texts, truncation=True, max_length=512)["input_ids"] for token in row]
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    words = [token for token in ids if token not in special]
    letters = sum(len("".join(text.split())) for text in texts)
    share = sum(token == tokenizer.unk_token_id for token in words) / max(1, len(words))
    fits = (
        "zh-small, or a multilingual one"
        if language_of(" ".join(texts)) == "zh"
        else "one of the text's language, or a multilingual one"
    )
    if share > UNKNOWN:
        return (
            f"The model cannot read this text: {share:.0%} of its tokens are unknown to it, so what is shown is of other"
            f" words. Choose a model that can: {fits} (such as xlm-roberta-base)."
        )
    pieces = [piece_text([token]) for token in tokenizer.convert_ids_to_tokens(words)]
    spelt = sum(len(piece) == 1 and piece.isalpha() and not HAN.match(piece) for piece in pieces)
    if spelt > SPELT * len(words) and len(words) >= 5:
        return (
            f"The model hardly knows this script: it spells the text letter by letter ({spelt} of {len(words)} tokens are"
            f" single letters). Choose a model that can: {fits}."
        )
    if letters and len(words) > 1.2 * letters:
        return (
            f"The model hardly knows this script: it reads {len(words)} pieces for {letters} characters. Choose a model"
            f" that can: {fits}."
        )
    return ""
