"""From sentences to token ids, and from examples to batches padded to their own longest example."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase

from engine.data.tasks import Task

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
    pair = "text_pair" in table.columns

    def tokenise(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = dict(
            tokenizer(rows["text"], rows["text_pair"] if pair else None, truncation=True, max_length=max_length)
        )
        encoded["labels"] = [float(value) if task.kind == "regression" else int(value) for value in rows["label"]]
        return encoded

    def tokenise_all(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = tokenise(rows)
        return {**encoded, LENGTH: [len(ids) for ids in encoded["input_ids"]]}

    if len(table) > LARGE:
        characters = table["text"].str.len() + (table["text_pair"].str.len() if pair else 0)
        return datasets.Dataset.from_pandas(table.assign(**{LENGTH: characters}), preserve_index=False).with_transform(
            tokenise
        )
    plain = datasets.Dataset.from_pandas(table, preserve_index=False)
    return plain.map(tokenise_all, batched=True, remove_columns=plain.column_names)


def is_lazy(encoded: "Dataset") -> bool:
    """Whether it is tokenised when it is read; its columns are then those of the text."""
    return bool(encoded.format["type"] == "custom")


def by_length(encoded: "Dataset") -> "Dataset":
    """The rows from the shortest to the longest: batches of about equal lengths need little padding."""
    return encoded.select(np.argsort(np.asarray(encoded.with_format(None)[LENGTH][:]), kind="stable"))


def collator(tokenizer: PreTrainedTokenizerBase, pad_to_multiple_of: int | None = None) -> DataCollatorWithPadding:
    """Pads each batch to its longest example."""
    return DataCollatorWithPadding(tokenizer, pad_to_multiple_of=pad_to_multiple_of)
