"""From sentences to batches."""

import pandas as pd
import torch

from engine.data.encoding import collator, encode
from engine.data.tasks import Task
from engine.models import load_tokenizer


def test_encoding_cuts_counts_and_keeps_labels(encoder):
    tokenizer = load_tokenizer(str(encoder))
    table = pd.DataFrame({"text": ["good film", "very " * 50], "text_pair": ["bad", "dull"], "label": [1, 0]})
    rows = encode(table, tokenizer, Task("t", "classification", ("a", "b")), 16)
    assert rows["labels"] == [1, 0]
    assert rows["length"] == [len(ids) for ids in rows["input_ids"]] == [6, 16]
    assert tokenizer.convert_ids_to_tokens(rows[0]["input_ids"]) == ["[CLS]", "good", "film", "[SEP]", "bad", "[SEP]"]
    scores = encode(table.assign(label=[0.5, -1]), tokenizer, Task("t", "regression"), 16)
    assert scores["labels"] == [0.5, -1.0]


def test_a_batch_is_padded_to_its_own_longest(encoder):
    tokenizer = load_tokenizer(str(encoder))
    table = pd.DataFrame({"text": ["good", "a very dull story"], "label": [1, 0]})
    rows = encode(table, tokenizer, Task("t", "classification", ("a", "b")), 16).remove_columns("length")
    batch = collator(tokenizer)([rows[0], rows[1]])
    assert batch["input_ids"].shape == (2, 6)
    assert torch.equal(batch["attention_mask"].sum(1), torch.tensor([3, 6]))
    assert collator(tokenizer, pad_to_multiple_of=8)([rows[0], rows[1]])["input_ids"].shape == (2, 8)
