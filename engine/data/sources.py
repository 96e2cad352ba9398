"""Where data sets come from: built in, a file or folder, the hub."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pandas as pd

from engine.data.builtin import TASKS, load_builtin
from engine.data.columns import Reading
from engine.data.files import ENDINGS, load_file
from engine.data.glue import LAYOUTS, PREFIX, glue_name, load_glue
from engine.data.rawtable import MOST_BYTES
from engine.data.streamed import is_streamed, load_streamed
from engine.data.tasks import Task, TaskData, split_by_text
from engine.errors import UserError, known
from engine.paths import exists, path_of, regular_file


def builtin_tasks() -> list[Task]:
    """The built-in data sets."""
    return list(TASKS.values())


def load_dataset(name: str) -> TaskData:
    """A data set by built-in name, path (file or folder in GLUE's layout), `glue/TASK@DIR`, or hub name.

    Raises:
        UserError: none such, or it cannot be read; says what is allowed.
    """
    if name in TASKS:
        return load_builtin(name)
    if name.startswith(PREFIX):
        return _load_glue(name)
    plain, how = reading_of(name)
    if how != Reading() and (plain in TASKS or plain.startswith(PREFIX)):
        raise UserError(f"{plain} has a layout of its own: --text-column and the like are for files.")
    if exists(plain):
        path = path_of(plain).absolute()
        return _load_local(path, _stamp(path), how)
    if Path(plain).suffix.lower() in ENDINGS or plain.startswith((".", "/", "~")):
        path_of(plain)
        raise UserError(f"There is no file {plain[:200]}.")
    return _load_hub(name)


def reading_of(name: str) -> tuple[str, Reading]:
    """A data set's name taken apart: a file or folder, and how a person says that it is to be read.

    `my.csv?label_column=stars&label_kind=scores` is what stands in configurations and addresses (see `with_reading`).

    Raises:
        UserError: something else than `Reading`'s fields is said.
    """
    if "?" not in name or exists(name):
        return name, Reading()
    plain, _, query = name.rpartition("?")
    said = dict(parse_qsl(query, keep_blank_values=True))
    for key in said:
        known("way of reading", key, [each.name for each in fields(Reading)])
    return plain, Reading(**said)


def with_reading(name: str, how: Reading) -> str:
    """A data set's name that also says how it is to be read."""
    said = {key: value for key, value in asdict(how).items() if value}
    return f"{name}?{urlencode(said)}" if said else name


@lru_cache(maxsize=2)
def _load_local(path: Path, stamp: tuple[Any, ...], how: Reading) -> TaskData:
    return load_streamed(path, how) if is_streamed(path) else load_file(path, how)


def _stamp(path: Path) -> tuple[Any, ...]:
    """Changes when a file, or one in a folder, does."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    except OSError:
        return ()  # Reading it will say what is wrong.


def load_texts(name: str) -> dict[str, list[str]]:
    """Plain text to pre-train on, `train` and `validation`: of a data set, or the lines of a .txt file.

    Raises:
        UserError: none such, or fewer than 20 texts.
    """
    if name.lower().endswith(".txt"):
        path = regular_file(path_of(name), "The text", MOST_BYTES)
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        except UnicodeDecodeError:
            raise UserError(f"{path.name} is not text in UTF-8. Save it again in that encoding.") from None
        except OSError as problem:
            raise UserError(f"{path.name} cannot be read: {problem.strerror or problem}.") from None
        splits: Mapping[str, pd.DataFrame] = split_by_text(pd.DataFrame({"text": [line for line in lines if line]}))
    else:
        data = load_dataset(name)
        if data.stream is not None:
            raise UserError(
                f"{name[:200]} is too large to be read whole, which pre-training does: give a part of it as one file."
            )
        splits = data.splits
    found = {
        split: [
            text
            for column in ("text", "text_pair")
            if column in splits[split].columns
            for text in splits[split][column].astype(str)
            if text.strip()
        ]
        for split in ("train", "validation")
    }
    if len(found["train"]) < 20 or not found["validation"]:
        raise UserError(f"{name} holds too little text ({len(found['train'])} texts): give at least 50 lines.")
    return found


def _load_hub(name: str) -> TaskData:
    """A data set of the hub (`owner/name` or `owner/name:config`), read through the same column rules as files."""
    with tempfile.TemporaryDirectory() as folder:
        _from_hub(name, Path(folder))
        if not (Path(folder) / "validation.parquet").exists():
            for split in ("validation_matched", "validation_mismatched"):
                found = Path(folder) / f"{split}.parquet"
                if found.exists():
                    found.rename(Path(folder) / "validation.parquet")
                    break
        return load_file(Path(folder))


def _load_glue(name: str) -> TaskData:
    """`glue/TASK@DIR` from a folder, `glue/TASK` from the hub."""
    task, folder = glue_name(name)
    layout = LAYOUTS[known("GLUE task", task, list(LAYOUTS))]
    if "@" in name:
        return load_glue(task, path_of(folder))
    with tempfile.TemporaryDirectory() as scratch:
        _from_hub(layout.hub, Path(scratch))
        if task == "ax":
            (Path(scratch) / "test.parquet").rename(Path(scratch) / "ax.parquet")
            _from_hub(LAYOUTS["mnli"].hub, Path(scratch))  # AX judges models of MNLI.
        return load_glue(task, Path(scratch))


def _from_hub(name: str, folder: Path) -> None:
    """Write a hub data set's splits as Parquet files of their names.

    Raises:
        UserError: it cannot be obtained.
    """
    unknown = UserError(
        f"Unknown data set {name[:80]!r}. Allowed: {', '.join(TASKS)}; a path to a file ({', '.join(ENDINGS)}) or folder;"
        f" {PREFIX}TASK@DIR for a local copy of a GLUE task ({', '.join(LAYOUTS)}); or a hub name (owner/name), which needs"
        " a network."
    )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", name):
        raise unknown
    import datasets

    datasets.disable_progress_bars()
    identifier, _, config = name.partition(":")
    try:
        loaded = datasets.load_dataset(identifier, config or None)
    except Exception as problem:  # The hub client raises many kinds; all mean that it is not to be had.
        raise UserError(f"{unknown} ({type(problem).__name__})") from None
    for split, table in loaded.items():
        table.to_parquet(str(folder / f"{split}.parquet"))
