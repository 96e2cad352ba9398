"""Tables as text: for a terminal, as CSV that a spreadsheet shows and does not run, as Markdown."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(table: pd.DataFrame) -> str:
    """The table as CSV without its index; text that a spreadsheet would take for a formula begins with an apostrophe."""

    def harmless(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value

    safe = table.rename(columns=harmless)
    for place, dtype in enumerate(safe.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            safe.isetitem(place, safe.iloc[:, place].map(harmless))
    return str(safe.to_csv(index=False))


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head. What must not be read as Markdown is escaped before."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def columns(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """A plain table."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
