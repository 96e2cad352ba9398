"""JSON lines: one object per row, of which only what is needed is kept."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from engine.data import rawtable
from engine.data.rawtable import RawTable, Wanted, as_text
from engine.errors import UserError


def read_jsonl(path: Path, keep: Wanted) -> RawTable:
    """A file with an object in JSON on every line; only the kept keys of a row are held."""
    columns: dict[str, None] = {}
    rows: list[tuple[int, dict[str, Any]]] = []
    chosen: list[str] | None = None
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = _object(path, number, line)
            columns |= dict.fromkeys(row)
            if len(columns) > rawtable.MOST_COLUMNS:
                raise UserError(
                    f"{path.name}, line {number}: its rows have more than {rawtable.MOST_COLUMNS:,} different keys."
                )
            if chosen is None and len(rows) == rawtable.MOST_COLUMNS:
                chosen = keep(list(columns))
                rows = [(at, {name: each.get(name) for name in chosen}) for at, each in rows]
            rows.append((number, row if chosen is None else {name: row.get(name) for name in chosen}))
    chosen = keep(list(columns)) if chosen is None else chosen
    frame = pd.DataFrame(
        {name: [as_text(path, at, name, row.get(name)) for at, row in rows] for name in chosen}, dtype=str
    )
    return RawTable(frame, [at for at, _ in rows])


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
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
    if not isinstance(found, dict):
        raise UserError(f"{path.name}, line {number} is no object in braces, as every line of JSONL must be.")
    return found
