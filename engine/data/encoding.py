"""From sentences to token ids, and from examples to batches padded to their own longest example."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase

from engine.data.tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset

LENGTH = "length"


def encode(table: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, task: Task, max_length: int) -> "Dataset":
    """Tokenise a split: `input_ids`, … , `labels` and `length` (tokens). No padding yet."""
    import datasets

    datasets.disable_progress_bars()
    pair = "text_pair" in table.columns

    def tokenise(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = dict(
            tokenizer(rows["text"], rows["text_pair"] if pair else None, truncation=True, max_length=max_length)
        )
        encoded["labels"] = [float(value) if task.kind == "regression" else int(value) for value in rows["label"]]
        encoded[LENGTH] = [len(ids) for ids in encoded["input_ids"]]
        return encoded

    plain = datasets.Dataset.from_pandas(table, preserve_index=False)
    return plain.map(tokenise, batched=True, remove_columns=plain.column_names)


def by_length(encoded: "Dataset") -> "Dataset":
    """The rows from the shortest to the longest: batches of about equal lengths need little padding."""
    return encoded.select(np.argsort(np.asarray(encoded[LENGTH]), kind="stable"))


def collator(tokenizer: PreTrainedTokenizerBase, pad_to_multiple_of: int | None = None) -> DataCollatorWithPadding:
    """Pads each batch to its longest example."""
    return DataCollatorWithPadding(tokenizer, pad_to_multiple_of=pad_to_multiple_of)
