"""Data sets that are larger than what is read: nothing is lost, drawn twice, or met in another order after a resume."""

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow.parquet import write_table
from safetensors.torch import load_file

from engine.data import blocks, streamed
from engine.data.blocks import JsonlBlocks, ParquetBlocks
from engine.data.files import load_file as load_data
from engine.data.rows import EpochPlaces, grouped
from engine.data.sources import load_dataset, load_texts
from engine.data.tasks import held_out
from engine.errors import UserError
from engine.runs.build import check, trained_on
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store
from tests.engine.runs.test_checkpoints import killed


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "MERGED", 100)
    monkeypatch.setattr(blocks, "BYTES", 4000)
    monkeypatch.setattr(streamed, "MOST_ROWS", 300)
    monkeypatch.setattr(streamed, "MOST_JSON", 3000)


def texts(count):
    return [
        f"{'good' if place % 2 else 'bad'} film number {place}{' and so on' * (place % 7)}" for place in range(count)
    ]


def parquet(path, count=1000, groups=64, labels=None):
    labels = labels or ["pos" if place % 2 else "neg" for place in range(count)]
    write_table(pa.table({"text": texts(count), "label": labels}), path, row_group_size=groups)
    return path


def epoch_of(rows, epoch=0, seed=0, batch=8):
    """All that an epoch draws."""
    places = EpochPlaces(rows.starts, seed)
    places.set_epoch(epoch)
    found = [divmod(each, len(rows)) for each in places]
    assert sorted(found) == [(epoch, place) for place in range(len(rows))]
    return rows.drawn(found, seed, batch)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_an_epoch_draws_every_text_with_its_label_and_nothing_that_judges(tmp_path, suffix):
    path = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        parquet(path)
    else:
        lines = [json.dumps({"label": "pos" if at % 2 else "neg", "text": text}) for at, text in enumerate(texts(1000))]
        path.write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    data = load_dataset(str(path))
    assert len(data.stream) == 1000 and len(data.stream.blocks.counts) > 5
    drawn = epoch_of(data.stream)
    expected = {text: at % 2 for at, text in enumerate(texts(1000)) if not held_out(text)}
    assert dict(zip(drawn["text"], drawn["label"], strict=True)) == expected
    again = Counter(drawn["text"]).values()
    assert 0 < 1000 - len(expected) < 30 and sum(again) == 1000 and max(again) <= 2
    assert not set(data.splits["validation"]["text"]) & set(drawn["text"])
    assert set(data.splits["validation"]["text"]) == {text for text in texts(1000) if held_out(text)}


def test_the_order_is_drawn_from_seed_and_epoch_alone_and_texts_of_like_length_are_together(tmp_path):
    path = parquet(tmp_path / "data.parquet")
    first, again = load_dataset(str(path)).stream, streamed.load_streamed(path, streamed.Reading()).stream
    assert epoch_of(first) == epoch_of(again) and epoch_of(first, epoch=1) == epoch_of(again, epoch=1)
    orders = [tuple(epoch_of(first, epoch, seed)["text"]) for epoch, seed in ((0, 0), (1, 0), (0, 1))]
    assert len(set(orders)) == 3
    lengths = np.array([len(text) for text in orders[0]])
    spread = np.mean([np.ptp(lengths[at : at + 8]) for at in range(0, 992, 8)])
    assert spread < 0.5 * np.ptp(lengths)
    # A batch alone, in the middle of an epoch, is what it is in the whole.
    places = list(EpochPlaces(first.starts, 0))[400:408]
    alone = streamed.load_streamed(path, streamed.Reading()).stream
    assert alone.drawn([(0, each) for each in places], 0, 8)["text"] == list(orders[0][400:408])


def test_it_is_understood_as_when_it_is_read_whole(tmp_path):
    labels = [["1.0", "2.5", "3.0"][place % 3] for place in range(600)]
    for path in (parquet(tmp_path / "a.parquet", 600), parquet(tmp_path / "b.parquet", 600, labels=labels)):
        one, other = load_dataset(str(path)), load_data(path)
        assert one.stream is not None and other.stream is None
        assert (one.task.kind, one.task.label_names) == (other.task.kind, other.task.label_names)
        drawn = epoch_of(one.stream)
        whole = {row.text: row.label for split in other.splits.values() for row in split.itertuples()}
        assert all(whole[text] == label for text, label in zip(drawn["text"], drawn["label"], strict=True))
    assert any("Too large to be read whole" in said for said in one.described())


def test_shards_and_a_validation_file(tmp_path):
    for number in range(3):
        parquet(tmp_path / f"train-{number:05}-of-00003.parquet", 200)
    parquet(tmp_path / "validation.parquet", 50)
    data = load_dataset(str(tmp_path))
    assert len(data.stream) == 600 and len(data.splits["validation"]) == 50
    assert Counter(Counter(epoch_of(data.stream)["text"]).values()) == {
        3: 200
    }  # Nothing is kept out, and all of each file is there.


@pytest.mark.parametrize("size", [7, 64, 333, 10**6])
def test_lines_are_counted_as_they_are_read(tmp_path, monkeypatch, size):
    monkeypatch.setattr(blocks, "BYTES", size)
    rows = [{"text": f"é文{'x' * (place % 50)}", "label": place} for place in range(60)]
    path = tmp_path / "a.jsonl"
    for end in ("", "\n", "\n\n"):
        path.write_text("\n".join(map(json.dumps, rows)) + end, encoding="utf-8")
        made = JsonlBlocks([path, path])
        tables = [made.read(block, ["text", "label"]) for block in range(len(made.counts))]
        assert [len(each) for each in tables] == made.counts
        read = [row for each in tables for row in each.to_pylist() if row["text"]]
        assert read == [{"text": row["text"], "label": str(row["label"])} for row in rows] * 2


def test_small_row_groups_are_read_together_and_of_large_ones_the_first_rows(tmp_path):
    made = ParquetBlocks([parquet(tmp_path / "a.parquet", 250, 30), parquet(tmp_path / "b.parquet", 250, 250)])
    assert made.counts == [120, 120, 10, 250]
    whole = [text for block in range(4) for text in made.read(block, ["text"])["text"].to_pylist()]
    assert whole == texts(250) * 2
    assert made.read(3, ["text"], 7)["text"].to_pylist() == texts(7)


def test_batches_of_an_order_are_of_like_length_and_a_permutation():
    draw, lengths = np.random.default_rng(0), np.random.default_rng(1).integers(1, 100, 1003)
    order = draw.permutation(1003)
    found = grouped(order, lengths, 16, draw)
    assert sorted(found) == list(range(1003))
    plain = np.mean([np.ptp(lengths[order[at : at + 16]]) for at in range(0, 800, 16)])
    assert np.mean([np.ptp(lengths[found[at : at + 16]]) for at in range(0, 800, 16)]) < 0.1 * plain


def test_what_cannot_be_is_said_with_its_place(tmp_path):
    labels = ["pos" if place % 2 else "neg" for place in range(1000)]
    strange = parquet(tmp_path / "a.parquet", labels=[*labels[:450], "hm", *labels[451:]], groups=500)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(streamed, "SAMPLED", 300)
        stream = load_dataset(str(strange)).stream
    with pytest.raises(UserError, match=r"a.parquet, line 451 of block 1: labels out of range: 'hm'.*neg, pos"):
        epoch_of(stream)
    with pytest.raises(UserError, match="too large to be read whole"):
        load_texts(str(strange))
    (tmp_path / "c.jsonl").write_text(
        "\n".join(json.dumps({"text": text, "label": "a"}) for text in texts(100)) + "\n[1]"
    )
    with pytest.raises(UserError, match=r"c.jsonl, line \d+ of block \d+ is no object"):
        load_dataset(str(tmp_path / "c.jsonl"))
    nested = tmp_path / "d.parquet"
    write_table(pa.table({"text": texts(400), "label": [[1, 2]] * 400}), nested)
    with pytest.raises(UserError, match="not one text or number per row"):
        load_dataset(str(nested))


def settings_of(encoder, path, **more):
    return TrainConfig.build(
        {"model": str(encoder), "dataset": str(path), "batch_size": 8, "max_length": 16, "learning_rate": 1e-3,
         "evaluations": 2, "checkpoints": 4, "max_steps": 60, **more}
    )  # fmt: skip


@pytest.mark.parametrize("method", ["textat", "freeat"])
def test_a_run_that_was_killed_goes_on_at_the_same_row(encoder, tmp_path, method):
    """60 steps of 8 are more than an epoch of 320 rows."""
    config = settings_of(encoder, parquet(tmp_path / "data.parquet", 320), method=method)
    whole = execute(Store().create(config.as_dict(), status="starting").id)
    run = killed(config, 50)
    Store().update(run.id, status="starting")
    done = execute(run.id)
    assert done.status == "completed" and done.step == 60
    expected, found = (load_file(each.model_folder / "model.safetensors") for each in (whole, done))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert Store().figures(done.id)["loss"] == Store().figures(whole.id)["loss"]


def test_a_limit_draws_from_the_sample_and_too_large_a_one_is_refused(encoder, tmp_path, monkeypatch):
    path = parquet(tmp_path / "data.parquet", 500)
    monkeypatch.setattr(streamed, "SAMPLED", 60)
    limited = settings_of(encoder, path, max_steps=2, train_limit=50)
    assert len(trained_on(load_dataset(str(path)), limited)) == 50
    assert execute(Store().create(limited.as_dict(), status="starting").id).status == "completed"
    assert any("500 train" in said for said in check(settings_of(encoder, path)))
    with pytest.raises(UserError, match="train_limit draws from"):
        check(settings_of(encoder, path, train_limit=400))


def test_the_memory_is_that_of_two_blocks(tmp_path):
    """A file of 1.2 million rows, 140 MB of text: read through once in a process of its own."""
    path = tmp_path / "large.parquet"
    group = pa.table(
        {"text": [f"{'a long sentence ' * 7}{place}" for place in range(50_000)], "label": ["a", "b"] * 25_000}
    )
    from pyarrow.parquet import ParquetWriter

    with ParquetWriter(path, group.schema) as file:
        for _ in range(24):
            file.write_table(group)
    script = (
        "import resource, sys\n"
        "from engine.data.sources import load_dataset\n"
        "rows = load_dataset(sys.argv[1]).stream\n"
        "assert len(rows) == 1_200_000\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "at = []\n"
        "for block in range(24):\n"
        "    rows.drawn([(0, int(rows.starts[block]))], 0, 32)\n"
        "    at.append(peak())\n"
        "print(at[3], at[-1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    early, late = map(float, done.stdout.split())
    assert late < early + 60, done.stdout
