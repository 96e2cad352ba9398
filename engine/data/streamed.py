"""Data sets that are larger than what is read at once: what their labels are, their classes, and what a model is judged on.

These come from a sample: the first rows of `PLACES` places all over the files. Without a validation file a hundredth of the texts, by
their hash, is kept out of the training, wherever it stands. A training draws its rows from the files (see `rows`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from engine.data.blocks import Blocks, JsonlBlocks, ParquetBlocks
from engine.data.columns import Chosen, Reading, choose
from engine.data.files import Part, as_task, with_labels
from engine.data.labels import understand
from engine.data.rows import StreamedRows, as_texts
from engine.data.tasks import SPLIT_FILES, TaskData, held_out
from engine.errors import UserError

MOST_ROWS = 1_000_000  # Of a training part that is read whole.
MOST_JSON = 2**28  # Bytes of one in JSON lines.
PLACES, SAMPLED = 24, 4096  # Places that the sample is from, and rows of each.
JUDGED = 10_000  # Rows of a validation file that are read.
KINDS = {".parquet": ParquetBlocks, ".jsonl": JsonlBlocks}


def parts_of(path: Path) -> dict[str, list[Path]]:
    """The files of every split of a file or folder, in order: `train.parquet`, or `train-00000-of-00064.parquet`, …"""
    if not path.is_dir():
        return {"train": [path]} if path.suffix.lower() in KINDS else {}
    found = {}
    for split, stems in SPLIT_FILES.items():
        for suffix in KINDS:
            files = [
                each for stem in stems for each in [path / f"{stem}{suffix}", *sorted(path.glob(f"{stem}-*{suffix}"))]
            ]
            if there := [each for each in files if each.is_file()]:
                found[split] = there
                break
    return found


def is_streamed(path: Path) -> bool:
    """Whether the training part of a file or folder is in several files, or too large to be read whole."""
    files = parts_of(path).get("train", [])
    if not files:
        return False
    if len(files) > 1 or files[0].suffix == ".jsonl":
        return len(files) > 1 or files[0].stat().st_size > MOST_JSON
    try:
        return sum(ParquetBlocks(files).counts) > MOST_ROWS
    except UserError:
        return False  # Reading it will say what is wrong.


def load_streamed(path: Path, how: Reading) -> TaskData:
    """A data set whose training part is streamed; its `splits` are the sample and what it is judged on.

    Raises:
        UserError: as `files.load_file` does.
    """
    files = parts_of(path)
    blocks = _blocks(files["train"])
    chosen = choose(blocks.columns(), files["train"][0].name, how)
    wanted = np.linspace(0, len(blocks.counts) - 1, min(PLACES, len(blocks.counts))).astype(int)
    sample = pd.concat([_frame(blocks, chosen, int(block), SAMPLED) for block in wanted], ignore_index=True)
    pair = chosen.pair is not None and bool((sample["text_pair"].str.strip() != "").any())
    train = with_labels(_part(files["train"][0].name, sample, pair))
    labels = understand(train.table["label"], train.table["line"].tolist(), train.file, how.label_kind)
    parts = {"train": train}
    if "validation" in files:
        parts["validation"] = with_labels(_judged(files["validation"], how, pair))
    else:
        rows = zip(*(train.table[name] for name in ("text", "text_pair") if name in train.table), strict=True)
        out = np.asarray([held_out(*row) for row in rows])
        parts = {
            split: replace(train, table=train.table[each].reset_index(drop=True))
            for split, each in (("train", ~out), ("validation", out))
        }
    notes = [
        f"Too large to be read whole: rows are drawn from {len(files['train'])} file{'s' * (len(files['train']) > 1)} as they are needed. Classes,"
        f" and what analyses call its training texts, are of a sample of {len(sample):,} rows from {len(wanted)} places.",
        *train.notes,
    ]
    if "validation" not in files:
        notes.append(
            "There is no validation file: a hundredth of the texts, by a hash of them, is not trained on; those in the sample judge."
        )
    found = as_task(path.stem if path.is_file() else path.name, parts, labels, notes)
    stream = StreamedRows(blocks, chosen, labels, pair=pair, keeps_out="validation" not in files)
    return replace(found, stream=stream)


def _blocks(files: Sequence[Path]) -> Blocks:
    made: Blocks = KINDS[files[0].suffix.lower()](files)
    if not made.counts:
        raise UserError(f"{files[0].name} has no rows.")
    return made


def _frame(blocks: Blocks, chosen: Chosen, block: int, most: int) -> pd.DataFrame:
    table = as_texts(blocks.read(block, chosen.names(), most), chosen, chosen.pair is not None)
    frame: pd.DataFrame = table.to_pandas()
    return frame.assign(line=[f"{row + 1:,} of block {block + 1:,}" for row in range(len(frame))])


def _part(file: str, table: pd.DataFrame, pair: bool) -> Part:
    kept = table if pair or "text_pair" not in table else table.drop(columns="text_pair")
    empty = kept["text"].str.strip() == ""
    if empty.all():
        raise UserError(f"{file}: every text is empty.")
    return Part(file, kept[~empty].reset_index(drop=True))


def _judged(files: Sequence[Path], how: Reading, pair: bool) -> Part:
    blocks = _blocks(files)
    chosen = choose(blocks.columns(), files[0].name, how)
    tables, left = [], JUDGED
    for block in range(len(blocks.counts)):
        if left <= 0:
            break
        tables.append(_frame(blocks, chosen, block, left))
        left -= len(tables[-1])
    return _part(files[0].name, pd.concat(tables, ignore_index=True), pair)
