"""From sentences to token ids, and from examples to batches padded to their own longest example."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding, PreTrainedTokenizerBase

from engine.data.tasks import IGNORED, Task
from engine.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

LENGTH = "length"
LARGE = 20_000  # Rows from which on a split is tokenised as its batches are drawn: training starts at once.


def encode(table: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, task: Task, max_length: int) -> "Dataset":
    """Tokenise a split: `input_ids`, … , `labels` and `length` (tokens). No padding yet.

    A split of more than `LARGE` rows is tokenised batch by batch when it is read (see `is_lazy`); its `length` then
    counts characters, which serves as well to put texts of like length together.
    """
    import datasets

    datasets.disable_progress_bars()
    if task.tags:
        check_offsets(tokenizer)
    tokenise = tokenising(tokenizer, task, max_length)

    def tokenise_all(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = tokenise(rows)
        return {**encoded, LENGTH: [len(ids) for ids in encoded["input_ids"]]}

    if len(table) > LARGE:
        characters = table["text"].str.len() + (table["text_pair"].str.len() if "text_pair" in table else 0)
        return datasets.Dataset.from_pandas(table.assign(**{LENGTH: characters}), preserve_index=False).with_transform(
            tokenise
        )
    plain = datasets.Dataset.from_pandas(table, preserve_index=False)
    return plain.map(tokenise_all, batched=True, remove_columns=plain.column_names)


def tokenising(
    tokenizer: PreTrainedTokenizerBase, task: Task, max_length: int
) -> Callable[[dict[str, list[Any]]], dict[str, list[Any]]]:
    """A function from rows (`text`, perhaps `text_pair`, `label`) to `input_ids`, … and `labels`, of all rows at once."""

    def tokenise(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = dict(tokenizer(rows["text"], rows.get("text_pair"), truncation=True, max_length=max_length))
        if task.tags:
            encoded["labels"] = [
                tags_of_tokens(tokenizer, text, tags, max_length)
                for text, tags in zip(rows["text"], rows["label"], strict=True)
            ]
        else:
            encoded["labels"] = [float(value) if task.kind == "regression" else int(value) for value in rows["label"]]
        return encoded

    return tokenise


def check_offsets(tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that a tokenizer says where in a text its tokens stand.

    Raises:
        UserError: it does not, so that no token can be given its word's label.
    """
    if not tokenizer.is_fast:
        raise UserError(
            f"{type(tokenizer).__name__} does not say where in a text its tokens stand, which labels of words need: choose a"
            " model with a tokenizer.json."
        )


def check_words(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], split: str) -> None:
    """Check that there is a word among some texts that the tokenizer writes.

    Raises:
        UserError: there is none: nothing could be learnt, or judged.
    """
    check_offsets(tokenizer)
    if not any(word is not None for text in texts for word in word_starts(tokenizer, text, 512)):
        raise UserError(f"The {split} texts have no word that the model's tokenizer writes.")


def word_starts(tokenizer: PreTrainedTokenizerBase, text: str, max_length: int) -> list[int | None]:
    """The word of `text` (between single spaces) that each token begins, `[L]`; None for its further tokens and special ones.

    By where tokens stand in the text, so that it holds for every vocabulary, and for text that a person types.
    """
    word_of, word = [], 0
    for character in text:
        word_of.append(None if character == " " else word)
        word += character == " "
    offsets = tokenizer(text, truncation=True, max_length=max_length, return_offsets_mapping=True)["offset_mapping"]
    begun: set[int] = set()
    found: list[int | None] = []
    for start, end in offsets:
        at = word_of[end - 1] if end > start else None  # A token may begin with the space before its word.
        found.append(at if at is not None and at not in begun else None)
        begun |= {at} if at is not None else set()
    return found


def tags_of_tokens(tokenizer: PreTrainedTokenizerBase, text: str, tags: Sequence[int], max_length: int) -> list[int]:
    """A word's tag for its first token, -100 for all others, `[L]`."""
    return [IGNORED if word is None else int(tags[word]) for word in word_starts(tokenizer, text, max_length)]


def is_lazy(encoded: "Dataset") -> bool:
    """Whether it is tokenised when it is read; its columns are then those of the text."""
    return bool(encoded.format["type"] == "custom")


def by_length(encoded: "Dataset") -> "Dataset":
    """The rows from the shortest to the longest: batches of about equal lengths need little padding."""
    return encoded.select(np.argsort(np.asarray(encoded.with_format(None)[LENGTH][:]), kind="stable"))


def collator(
    tokenizer: PreTrainedTokenizerBase, pad_to_multiple_of: int | None = None, *, tags: bool = False
) -> DataCollatorWithPadding | DataCollatorForTokenClassification:
    """Pads each batch to its longest example; `tags`: the labels too, with -100."""
    if tags:
        return DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=pad_to_multiple_of)
    return DataCollatorWithPadding(tokenizer, pad_to_multiple_of=pad_to_multiple_of)
