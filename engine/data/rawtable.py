"""What every format of data file is read into, and the bounds that hold for all of them.

What a file would take in memory is bounded before it is decoded, since a small one may unpack to anything.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from engine.errors import UserError

MOST_BYTES = 2**30  # Of a file, and of what is decoded of it; MNLI has 80 MB of text.
MOST_COLUMNS = 1000
MOST_HEAD = 2**16  # Characters of the first line.
MOST_TEXT = 2**20  # Characters of one value.

Wanted = Callable[[list[str]], list[str]]  # Is told the columns, says which to keep.


@dataclass
class RawTable:
    """A file as it stands. `frame`: every value as text, "" where there is none; `lines`: each row's line in the file;
    `columns`: all that it has; `notes`: what a person must know of how it was read.
    """

    frame: pd.DataFrame
    lines: list[int]
    columns: list[str]
    notes: list[str] = field(default_factory=list)


def not_readable(path: Path, problem: Exception) -> UserError:
    """That a file is not what its ending says."""
    reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
    return UserError(f"{path.name} is not a readable {path.suffix[1:].upper()} table: {reason}")


def as_text(path: Path, line: int, name: str, value: Any) -> str:
    """A value of JSON or Parquet as text.

    Raises:
        UserError: an object, or a text that is too long.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        if len(value) > MOST_TEXT:
            raise UserError(f"{path.name}, line {line}: {name[:40]} has more than {MOST_TEXT:,} characters.")
        return value
    if isinstance(value, bytes):  # Spark and others write texts without saying that they are.
        return as_text(path, line, name, value.decode("utf-8"))
    if isinstance(value, dict):
        raise UserError(f"{path.name}, line {line}: {name[:40]} is an object, not a text or a number.")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value)
