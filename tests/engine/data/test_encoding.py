"""Tokenising: at once for small splits, batch by batch for large ones, with the same result."""

import numpy as np
import pandas as pd
import pytest

from engine.data import encoding
from engine.data.tasks import Task
from engine.models import load_tokenizer
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store

TASK = Task("t", "classification", ("0", "1"), ("accuracy",))


def table(pair):
    made = pd.DataFrame({"text": [f"the film {'very ' * (place % 7)}good {place}" for place in range(60)]})
    if pair:
        made["text_pair"] = [f"a story {place}" for place in range(60)]
    return made.assign(label=[place % 2 for place in range(60)])


@pytest.mark.parametrize("pair", [False, True])
def test_a_large_split_gives_the_rows_of_a_small_one(encoder, pair, monkeypatch):
    tokenizer = load_tokenizer(str(encoder))
    small = encoding.encode(table(pair), tokenizer, TASK, 12)
    monkeypatch.setattr(encoding, "LARGE", 50)
    large = encoding.encode(table(pair), tokenizer, TASK, 12)
    assert encoding.is_lazy(large) and not encoding.is_lazy(small)
    assert len(large) == len(small) == 60
    for place in range(60):
        expected = {name: value for name, value in small[place].items() if name != encoding.LENGTH}
        assert large[place] == expected
    assert max(len(row["input_ids"]) for row in large) == 12
    assert large[[3, 1]]["labels"] == [1, 1]


def test_rows_from_the_shortest_to_the_longest(encoder, monkeypatch):
    tokenizer = load_tokenizer(str(encoder))
    for most in (100, 50):
        monkeypatch.setattr(encoding, "LARGE", most)
        rows = encoding.by_length(encoding.encode(table(False), tokenizer, TASK, 64))
        lengths = [len(row["input_ids"]) for row in rows]
        assert np.corrcoef(lengths, range(60))[0, 1] > 0.9
        assert sorted(lengths) == lengths or most == 50  # Characters and tokens differ a little.


@pytest.mark.parametrize("method", ["freelb", "freeat"])
def test_a_run_on_a_large_split(encoder, sentences, monkeypatch, method):
    monkeypatch.setattr(encoding, "LARGE", 100)
    config = TrainConfig.build(
        {"method": method, "dataset": str(sentences), "model": str(encoder), "max_steps": 6, "batch_size": 8}
    )
    done = execute(Store().create(config.as_dict(), status="starting").id)
    assert done.status == "completed" and done.step == 6 and 0 <= done.metrics["accuracy"] <= 1
