"""Parquet: only the columns that are needed, and no more of them than fits into memory once decoded."""

from pathlib import Path
from typing import Any

import pandas as pd

from engine.data import rawtable
from engine.data.rawtable import RawTable, Wanted, as_text, not_readable
from engine.errors import UserError


def read_parquet(path: Path, keep: Wanted) -> RawTable:
    """The kept columns of a Parquet file; their size is added up before any value is decoded.

    Raises:
        UserError: columns that hold no single texts or numbers, or more than `MOST_BYTES`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow.parquet import ParquetFile

    too_much = UserError(
        f"{path.name} unpacks to more than {rawtable.MOST_BYTES >> 20} MB: split it, or take a part of it."
    )
    try:
        with ParquetFile(path) as file:
            names = file.schema_arrow.names
            if len(names) > rawtable.MOST_COLUMNS:
                raise UserError(f"{path.name} has {len(names):,} columns; at most {rawtable.MOST_COLUMNS:,} are read.")
            chosen = keep(names)
            if _packed(file, chosen) > rawtable.MOST_BYTES:
                raise too_much
            kinds = {name: file.schema_arrow.field(name).type for name in chosen}
        for name, kind in kinds.items():
            check_single(path, name, kind)
        words = [name for name, kind in kinds.items() if pa.types.is_string(kind) or pa.types.is_large_string(kind)]
        # As dictionaries: a text that is repeated a million times stands in memory once until its size is known.
        parts: dict[str, list[str]] = {name: [] for name in chosen}
        with ParquetFile(path, read_dictionary=words) as file:
            size = 0
            for batch in file.iter_batches(batch_size=4096, columns=chosen):
                size += sum(_unpacked(batch.column(name), pa, pc) for name in chosen)
                if size > rawtable.MOST_BYTES:
                    raise too_much
            for batch in file.iter_batches(batch_size=4096, columns=chosen):
                for name in chosen:
                    parts[name] += _texts_of(path, len(parts[name]), name, batch.column(name), pa)
    except (pa.ArrowException, pa.ArrowNotImplementedError) as problem:
        raise not_readable(path, problem) from None
    return RawTable(pd.DataFrame(parts, dtype=str), list(range(1, len(next(iter(parts.values()), [])) + 1)), names)


def check_single(path: Path, name: str, kind: Any) -> None:
    """Check that a column, of a type of Arrow's, holds one value per row.

    Raises:
        UserError: it holds lists or the like.
    """
    import pyarrow as pa

    if pa.types.is_nested(kind):
        raise UserError(
            f"{path.name}: its column {name[:40]} holds {str(kind)[:60]}, not one text or number per row (several labels"
            " per text are not supported)."
        )


def _packed(file: Any, chosen: list[str]) -> int:
    """What the file itself says its columns take, unpacked."""
    found = 0
    for group in range(file.metadata.num_row_groups):
        row_group = file.metadata.row_group(group)
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            if column.path_in_schema.split(".")[0] in chosen:
                found += column.total_uncompressed_size
    return found


def _texts_of(path: Path, before: int, name: str, column: Any, pa: Any) -> list[str]:
    if not pa.types.is_dictionary(column.type):
        return [as_text(path, at, name, value) for at, value in enumerate(column.to_pylist(), before + 1)]
    texts = ["" if value is None else value for value in column.dictionary.to_pylist()]
    return ["" if place is None else texts[place] for place in column.indices.to_pylist()]


def _unpacked(column: Any, pa: Any, pc: Any) -> int:
    """Bytes of a column's values once each stands by itself."""
    if pa.types.is_dictionary(column.type):
        lengths = pc.binary_length(column.dictionary)
        longest = pc.max(lengths).as_py() or 0
        if longest > 4 * rawtable.MOST_TEXT:
            raise ValueError(
                f"a text of {longest:,} bytes is longer than the {rawtable.MOST_TEXT:,} characters that are read"
            )
        return int(pc.sum(lengths.take(column.indices)).as_py() or 0)
    return int(column.nbytes)
