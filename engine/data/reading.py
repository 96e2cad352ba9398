"""A data file as a table of text, read strictly: a row that does not fit is an error with its line, nothing is guessed."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.data import rawtable
from engine.data.delimited import TABBED, read_delimited
from engine.data.jsonl import read_jsonl
from engine.data.parquet import read_parquet
from engine.data.rawtable import RawTable, Wanted, not_readable
from engine.errors import UserError
from engine.paths import regular_file

SUFFIXES = (".tsv", ".csv", ".jsonl", ".parquet")  # Of tables; tagged words have more (`tagged.SUFFIXES`).


def read_raw(path: Path, wanted: Wanted | None = None, *, skip_bad: bool = False) -> RawTable:
    """Read a TSV, CSV, JSONL or Parquet file.

    Args:
        wanted: is told the columns and says which of them to keep (None: all).
        skip_bad: leave out rows with too many or too few fields, and say so, instead of refusing the file.

    Raises:
        UserError: no such file, not readable as what its ending says, or larger than is sensible; one line that says where.
    """
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, *TABBED):
        raise UserError(f"{path.name}: files must end in {', '.join(SUFFIXES)}.")
    larger = "" if suffix in (".parquet", ".jsonl") else " Larger ones are read as Parquet or JSONL."
    regular_file(path, "The file", rawtable.MOST_BYTES, larger)
    keep = wanted or (lambda columns: columns)
    with _said_plainly(path):
        if suffix == ".parquet":
            table = read_parquet(path, keep)
        elif suffix == ".jsonl":
            table = read_jsonl(path, keep)
        else:
            table = read_delimited(path, keep, skip_bad)
    if table.frame.empty:
        raise UserError(f"{path.name} has no rows.")
    return table


@contextmanager
def _said_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not text in UTF-8. Save it again in that encoding.") from None
    except OSError as problem:
        if problem.strerror:
            raise UserError(f"{path.name} cannot be read: {problem.strerror}.") from None
        raise not_readable(path, problem) from None
    except (ValueError, RecursionError, ArithmeticError, csv.Error) as problem:
        raise not_readable(path, problem) from None
