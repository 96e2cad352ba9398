"""Files that are too large to be read: some rows of them at a time, by blocks whose sizes are known without decoding any.

Parquet has row groups, and says at its end how many rows each holds. JSON lines are taken apart every `BYTES`; a block has the lines
that begin in it, which are counted by their line ends.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import rawtable
from engine.data.jsonl import object_of
from engine.data.parquet import check_single
from engine.data.rawtable import as_text, not_readable
from engine.errors import UserError

MERGED = 2**15  # Rows: smaller row groups are read together.
BYTES = 2**23  # Of JSON lines in a block.


class Blocks(ABC):
    """The rows of some files, in blocks. `counts`: rows of each, `[blocks]`."""

    counts: list[int]

    @abstractmethod
    def columns(self) -> list[str]:
        """The names of the columns."""

    @abstractmethod
    def read(self, block: int, columns: Sequence[str], most: int | None = None) -> Any:
        """A `pyarrow.Table` of texts: some columns of a block, or of its first `most` rows.

        Raises:
            UserError: it cannot be read; says where.
        """

    @abstractmethod
    def file(self, block: int) -> str:
        """The name of a block's file."""

    def place(self, block: int, row: int) -> str:
        """Where a row stands, for people."""
        return f"{self.file(block)}, line {row + 1:,} of block {block + 1:,}"


class ParquetBlocks(Blocks):
    """Row groups of Parquet files of the same columns, small ones together."""

    def __init__(self, paths: Sequence[Path]) -> None:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        self.paths = list(paths)
        self.counts, self.parts = [], list[tuple[Path, list[int]]]()
        self._names: list[str] = []
        for path in self.paths:
            try:
                with ParquetFile(path) as file:
                    names, metadata = file.schema_arrow.names, file.metadata
            except (ArrowException, OSError) as problem:
                raise not_readable(path, problem) from None
            if self._names and names != self._names:
                raise UserError(f"{path.name} has other columns than {self.paths[0].name}: {', '.join(names)[:100]}.")
            self._names = names
            together: list[int] = []
            rows = 0
            for group in range(metadata.num_row_groups):
                if (size := metadata.row_group(group).total_byte_size) > rawtable.MOST_BYTES:
                    raise UserError(
                        f"{path.name}: its row group {group} unpacks to {size >> 20:,} MB; at most {rawtable.MOST_BYTES >> 20:,} are read"
                        " at a time. Write it again with smaller row groups."
                    )
                together, rows = [*together, group], rows + metadata.row_group(group).num_rows
                if rows >= MERGED or group == metadata.num_row_groups - 1:
                    self.parts.append((path, together))
                    self.counts.append(rows)
                    together, rows = [], 0

    def columns(self) -> list[str]:
        """As every file says."""
        return self._names

    def read(self, block: int, columns: Sequence[str], most: int | None = None) -> Any:
        """Whole row groups are decoded, but for `most` rows."""
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        path, groups = self.parts[block]
        try:
            with ParquetFile(path) as file:
                for name in columns:
                    check_single(path, name, file.schema_arrow.field(name).type)
                if most is None:
                    table = file.read_row_groups(groups, columns=list(columns))
                else:
                    first = next(file.iter_batches(batch_size=most, row_groups=groups, columns=list(columns)))
                    table = pa.Table.from_batches([first])
            return table.select(list(columns)).cast(pa.schema([(name, pa.large_string()) for name in columns]))
        except pa.ArrowException as problem:
            raise not_readable(path, problem) from None

    def file(self, block: int) -> str:
        """Its Parquet file."""
        return self.parts[block][0].name


class JsonlBlocks(Blocks):
    """Lines of JSON files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.counts, self.parts = [], list[tuple[Path, int, int]]()
        for path in paths:
            with path.open("rb") as file:
                size = path.stat().st_size
                for start, end in pairwise([*range(0, size, BYTES), size]):
                    # A line begins at the file's start and after every line end but a last one.
                    file.seek(max(0, start - 1))
                    read = file.read(end - 1 - max(0, start - 1))
                    begun = int(np.count_nonzero(np.frombuffer(read, np.uint8) == 10)) + (start == 0)
                    if begun:
                        self.parts.append((path, start, end))
                        self.counts.append(begun)

    def columns(self) -> list[str]:
        """The keys of the first hundred lines."""
        first = self._objects(0, 100)
        return list(dict.fromkeys(name for each in first for name in each))

    def read(self, block: int, columns: Sequence[str], most: int | None = None) -> Any:
        """Line by line; a line without anything is a row without a text."""
        import pyarrow as pa

        path, found = self.parts[block][0], self._objects(block, most)
        return pa.table(
            {
                name: pa.array(
                    [as_text(path, place, name, each.get(name)) for place, each in enumerate(found, 1)],
                    pa.large_string(),
                )
                for name in columns
            }
        )

    def _objects(self, block: int, most: int | None) -> list[dict[str, Any]]:
        path, start, end = self.parts[block]
        found: list[dict[str, Any]] = []
        with path.open("rb") as file:
            file.seek(max(0, start - 1))
            if start:
                file.readline()  # It began in the block before (or is that block's line end).
            while file.tell() < end and (most is None or len(found) < most):
                line = file.readline(rawtable.MOST_TEXT * 4)
                if len(line) == rawtable.MOST_TEXT * 4:
                    raise UserError(f"{self.place(block, len(found))} has more than {rawtable.MOST_TEXT:,} characters.")
                text = _decoded(path, line).strip()
                found.append(object_of(path, f"{len(found) + 1:,} of block {block + 1:,}", text) if text else {})
        return found

    def file(self, block: int) -> str:
        """Its JSONL file."""
        return self.parts[block][0].name


def _decoded(path: Path, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not text in UTF-8. Save it again in that encoding.") from None
