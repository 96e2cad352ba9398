"""JSON lines: one object per row, of which only what is needed is kept."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from engine.data import rawtable
from engine.data.rawtable import RawTable, Wanted, as_text
from engine.errors import UserError

HALF = re.compile(r"[\ud800-\udfff]")  # What json.loads leaves of an escape whose other half is missing.


def read_jsonl(path: Path, keep: Wanted) -> RawTable:
    """A file with an object in JSON on every line; only the kept keys of a row are held."""
    columns: dict[str, None] = {}
    for number, row in _objects(path):
        columns |= dict.fromkeys(row)
        if len(columns) > rawtable.MOST_COLUMNS:
            raise UserError(
                f"{path.name}, line {number}: its rows have more than {rawtable.MOST_COLUMNS:,} different keys."
            )
    chosen = keep(list(columns))  # Only now: a key may first appear on the last line.
    lines: list[int] = []
    values: dict[str, list[str]] = {name: [] for name in chosen}
    for number, row in _objects(path):
        lines.append(number)
        for name in chosen:
            values[name].append(as_text(path, number, name, row.get(name)))
    return RawTable(pd.DataFrame(values, dtype=str), lines, list(columns))


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, object_of(path, number, line)


def object_of(path: Path, number: int | str, line: str) -> dict[str, Any]:
    """A line's object. `number`: where the line stands.

    Raises:
        UserError: it is none, or one that says two things at once.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise UserError(f"{path.name}, line {number}: a key stands there twice.")
        return found

    try:
        found = json.loads(line, object_pairs_hook=once)
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, UserError):
            raise
        raise UserError(f"{path.name} is not a readable JSONL table: line {number}: {str(problem)[:100]}.") from None
    if "\\ud" in line.lower() and HALF.search(json.dumps(found, ensure_ascii=False)):
        raise UserError(
            f"{path.name}, line {number}: half of a surrogate pair stands alone (\\ud800 to \\udfff): no character."
        )
    if not isinstance(found, dict):
        raise UserError(f"{path.name}, line {number} is no object in braces, as every line of JSONL must be.")
    return found
