"""A data file as a table of text, read strictly: a row that does not fit is an error with its line, nothing is guessed.

What a file would take in memory is bounded before it is decoded (`MOST_…`), since a small one may unpack to anything.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from engine.errors import UserError
from engine.paths import regular_file

SUFFIXES = (".tsv", ".csv", ".jsonl", ".parquet")
TABBED = (".tsv", ".txt")  # The papers' tasks are also handed on as .txt.
DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
MOST_BYTES = 2**30  # Of a file, and of what is decoded of it; MNLI has 80 MB of text.
MOST_COLUMNS = 1000
MOST_HEAD = 2**16  # Characters of the first line.
MOST_TEXT = 2**20  # Characters of one value.

Wanted = Callable[[list[str]], list[str]]


@dataclass
class RawTable:
    """A file as it stands. `frame`: every value as text, "" where there is none; `lines`: each row's line in the file;
    `notes`: what a person must know of how it was read.
    """

    frame: pd.DataFrame
    lines: list[int]
    notes: list[str] = field(default_factory=list)


def read_raw(path: Path, wanted: Wanted | None = None, *, skip_bad: bool = False) -> RawTable:
    """Read a TSV, CSV, JSONL or Parquet file.

    Args:
        wanted: is told the columns and says which of them to keep (None: all). skip_bad: leave out rows with too many
            or too few fields, and say so, instead of refusing the file.

    Raises:
        UserError: no such file, not readable as what its ending says, or larger than is sensible; one line that says where.
    """
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, *TABBED):
        raise UserError(f"{path.name}: files must end in {', '.join(SUFFIXES)}.")
    regular_file(path, "The file", MOST_BYTES)
    keep = wanted or (lambda columns: columns)
    with _said_plainly(path, suffix):
        if suffix == ".parquet":
            table = _parquet(path, keep)
        elif suffix == ".jsonl":
            table = _jsonl(path, keep)
        else:
            table = _delimited(path, keep, skip_bad)
    if table.frame.empty:
        raise UserError(f"{path.name} has no rows.")
    return table


@contextmanager
def _said_plainly(path: Path, suffix: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not text in UTF-8. Save it again in that encoding.") from None
    except OSError as problem:
        if problem.strerror:
            raise UserError(f"{path.name} cannot be read: {problem.strerror}.") from None
        raise UserError(_not_readable(path, suffix, problem)) from None
    except (ValueError, RecursionError, ArithmeticError, csv.Error) as problem:
        raise UserError(_not_readable(path, suffix, problem)) from None


def _not_readable(path: Path, suffix: str, problem: Exception) -> str:
    reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
    return f"{path.name} is not a readable {suffix[1:].upper()} table: {reason}"


# Text with delimiters.


def _delimited(path: Path, keep: Wanted, skip_bad: bool) -> RawTable:
    with path.open("rb") as file:
        if b"\0" in file.read(65536):
            raise UserError(f"{path.name} is a binary file, not a table of text in UTF-8.")
    with path.open(encoding="utf-8", newline="") as file:
        if len(file.readline(MOST_HEAD + 1)) > MOST_HEAD:
            raise UserError(f"{path.name}: its first line has more than {MOST_HEAD:,} characters: it names no columns.")
        file.seek(0)
        text = file.read().removeprefix("\ufeff")
    delimiter, notes = _delimiter(path, text)
    quoted = delimiter != "\t" or _tabs_are_quoted(text)
    if quoted and delimiter == "\t":
        notes.append("Fields between quotes are read without them.")
    rows = _Rows(path, text, delimiter, quoted)
    rows.read()
    if rows.escaped:
        notes.append("Quotes inside of texts are read as escaped by backslashes.")
    return rows.table(keep, skip_bad, notes)


def _delimiter(path: Path, text: str) -> tuple[str, list[str]]:
    """What stands between the fields: by the file's ending, if the first line bears it out, else what does."""
    head = re.split(r"\r\n|\n|\r", text, maxsplit=1)[0]
    usual = "\t" if path.suffix.lower() in TABBED else ","
    for delimiter in (usual, *(other for other in DELIMITERS if other != usual)):
        if len(next(csv.reader([head], delimiter=delimiter), [])) > 1:
            said = (
                []
                if delimiter == usual
                else [f"Its fields are separated by {DELIMITERS[delimiter]}s, so it is read that way."]
            )
            return delimiter, said
    return usual, []


def _tabs_are_quoted(text: str) -> bool:
    """Whether a tab-separated file quotes its fields as CSV does. GLUE's files have bare quotes, which mean themselves.

    It does if every field that has a quote is a whole quoted one, and one of them needs it (a doubled quote, a tab).
    """
    if '"' not in text:
        return False
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error:
        return False
    plain = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE))
    fields = [value for row in plain for value in row if '"' in value]
    whole = all(re.fullmatch(r'"(?:[^"]|"")*"', value) for value in fields)
    if len(rows) == len(plain):
        return whole and any('""' in value[1:-1] for value in fields)
    return len({len(row) for row in rows if row}) == 1 and len({len(row) for row in plain if row}) > 1


class _Rows:
    """The rows of a text with delimiters, each with the line that it begins on."""

    def __init__(self, path: Path, text: str, delimiter: str, quoted: bool) -> None:
        self.path, self.text, self.delimiter, self.quoted = path, text, delimiter, quoted
        self.escaped = False
        self.rows: list[tuple[int, list[str]]] = []

    def read(self) -> None:
        """All rows; texts with backslash-escaped quotes are tried where quotes are not doubled."""
        problem = self._try()
        if problem is None:
            return
        if self.quoted and '\\"' in self.text:
            self.escaped = True
            if self._try() is None:
                return
            self.escaped = False
        raise problem

    def _try(self) -> UserError | None:
        self.rows = []
        options: dict[str, Any] = {"delimiter": self.delimiter, "strict": True}
        if not self.quoted:
            options |= {"quoting": csv.QUOTE_NONE, "strict": False}
        elif self.escaped:
            options |= {"escapechar": "\\", "doublequote": False}
        reader = csv.reader(io.StringIO(self.text, newline=""), **options)
        before = csv.field_size_limit(MOST_TEXT)
        start = 1
        try:
            for row in reader:
                if any(row):
                    self.rows.append((start, row))
                start = reader.line_num + 1
        except csv.Error as problem:
            if "field larger" in str(problem):
                return UserError(f"{self.path.name}, line {start}: a text has more than {MOST_TEXT:,} characters.")
            return UserError(
                f"{self.path.name}, line {start}: a quote opens a text that does not end as it should (looked at to line"
                f" {reader.line_num}). Close it; quotes inside of a quoted text are doubled."
            )
        finally:
            csv.field_size_limit(before)
        return self._swallowed()

    def _swallowed(self) -> UserError | None:
        """A quote that is never closed may take in rows: then the lines inside of a text are rows themselves.

        They are taken for rows if each has as many fields as the head, one of them a value that others have there too.
        """
        width = len(self.rows[0][1]) if self.rows else 0
        suspects = []
        for line, row in self.rows[1:]:
            for value in row:
                inside = re.split(r"\r\n|\n|\r", value)[1:-1] if "\n" in value or "\r" in value else []
                if inside and all(each.count(self.delimiter) == width - 1 for each in inside):
                    suspects.append((line, [each.split(self.delimiter) for each in inside]))
        if not suspects:
            return None
        counts = [Counter(row[place] for _, row in self.rows[1:] if len(row) == width) for place in range(width)]
        for line, fields in suspects:
            if any(all(counts[place][each[place]] > 1 for each in fields) for place in range(width)):
                return UserError(
                    f"{self.path.name}, line {line}: the quote that opens here takes in {len(fields)} further lines that look"
                    " like rows. Close it, or double it if it belongs to the text."
                )
        return None

    def table(self, keep: Wanted, skip_bad: bool, notes: list[str]) -> RawTable:
        """The kept columns, every row with as many fields as the head."""
        if not self.rows:
            raise UserError(_not_readable(self.path, self.path.suffix, ValueError("it is empty")))
        head, body = self.rows[0][1], self.rows[1:]
        head, body = _without_trailing(head, body)
        if len(head) > MOST_COLUMNS:
            raise UserError(f"{self.path.name} has {len(head):,} columns; at most {MOST_COLUMNS:,} are read.")
        bad = [(line, len(row)) for line, row in body if len(row) != len(head)]
        if bad and not skip_bad:
            line, count = bad[0]
            more = f" So do {len(bad) - 1} more lines." if len(bad) > 1 else ""
            hint = " A text that has the delimiter in it must be quoted." if count > len(head) else ""
            raise UserError(
                f"{self.path.name}, line {line}: {count} field{'s' * (count != 1)}, but the head has"
                f" {len(head)}.{more}{hint}"
            )
        if bad:
            notes.append(
                f"{len(bad)} rows were left out: they have not {len(head)} fields (the first: line {bad[0][0]})."
            )
            body = [each for each in body if len(each[1]) == len(head)]
        several = sum("\n" in value or "\r" in value for _, row in body for value in row)
        if several:
            first = next(line for line, row in body if any("\n" in value or "\r" in value for value in row))
            notes.append(f"{several} values run over several lines (the first begins on line {first}).")
        chosen = keep(head)
        places = [head.index(name) for name in chosen]
        columns = {name: [row[place] for _, row in body] for name, place in zip(chosen, places, strict=True)}
        return RawTable(pd.DataFrame(columns, dtype=str), [line for line, _ in body], notes)


def _without_trailing(
    head: list[str], body: list[tuple[int, list[str]]]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """A delimiter at the end of every row is harmless: the empty last column goes."""
    if head and head[-1].strip() == "":
        fits = all(len(row) == len(head) - 1 or (len(row) == len(head) and not row[-1].strip()) for _, row in body)
        if fits:
            return head[:-1], [(line, row[: len(head) - 1]) for line, row in body]
    elif body and all(len(row) == len(head) + 1 and not row[-1].strip() for _, row in body):
        return head, [(line, row[:-1]) for line, row in body]
    return head, body


# JSON lines.


def _jsonl(path: Path, keep: Wanted) -> RawTable:
    columns: dict[str, None] = {}
    rows: list[tuple[int, dict[str, Any]]] = []
    chosen: list[str] | None = None
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = _object(path, number, line)
            columns |= dict.fromkeys(row)
            if len(columns) > MOST_COLUMNS:
                raise UserError(f"{path.name}, line {number}: its rows have more than {MOST_COLUMNS:,} different keys.")
            if chosen is None and len(rows) == MOST_COLUMNS:
                chosen = keep(list(columns))
                rows = [(at, {name: each.get(name) for name in chosen}) for at, each in rows]
            rows.append((number, row if chosen is None else {name: row.get(name) for name in chosen}))
    chosen = keep(list(columns)) if chosen is None else chosen
    frame = pd.DataFrame(
        {name: [_as_text(path, at, name, row.get(name)) for at, row in rows] for name in chosen}, dtype=str
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


def _as_text(path: Path, line: int, name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if len(value) > MOST_TEXT:
            raise UserError(f"{path.name}, line {line}: {name[:40]} has more than {MOST_TEXT:,} characters.")
        return value
    if isinstance(value, dict):
        raise UserError(f"{path.name}, line {line}: {name[:40]} is an object, not a text or a number.")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value)


# Parquet.


def _parquet(path: Path, keep: Wanted) -> RawTable:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow.parquet import ParquetFile

    too_much = UserError(f"{path.name} unpacks to more than {MOST_BYTES >> 20} MB: split it, or take a part of it.")
    try:
        with ParquetFile(path) as file:
            names = file.schema_arrow.names
            if len(names) > MOST_COLUMNS:
                raise UserError(f"{path.name} has {len(names):,} columns; at most {MOST_COLUMNS:,} are read.")
            chosen = keep(names)
            if _packed(file, chosen) > MOST_BYTES:
                raise too_much
            kinds = {name: file.schema_arrow.field(name).type for name in chosen}
        for name, kind in kinds.items():
            if pa.types.is_nested(kind):
                raise UserError(
                    f"{path.name}: its column {name[:40]} holds {str(kind)[:60]}, not one text or number per row (several labels"
                    " per text are not supported)."
                )
        words = [name for name, kind in kinds.items() if pa.types.is_string(kind) or pa.types.is_large_string(kind)]
        # As dictionaries: a text that is repeated a million times stands in memory once until its size is known.
        parts: dict[str, list[str]] = {name: [] for name in chosen}
        with ParquetFile(path, read_dictionary=words) as file:
            size = 0
            for batch in file.iter_batches(batch_size=4096, columns=chosen):
                size += sum(_unpacked(batch.column(name), pa, pc) for name in chosen)
                if size > MOST_BYTES:
                    raise too_much
            for batch in file.iter_batches(batch_size=4096, columns=chosen):
                for name in chosen:
                    parts[name] += _texts_of(path, len(parts[name]), name, batch.column(name), pa)
    except (pa.ArrowException, pa.ArrowNotImplementedError) as problem:
        raise UserError(_not_readable(path, ".parquet", problem)) from None
    return RawTable(pd.DataFrame(parts, dtype=str), list(range(1, len(next(iter(parts.values()), [])) + 1)))


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
        return [_as_text(path, at, name, value) for at, value in enumerate(column.to_pylist(), before + 1)]
    texts = ["" if value is None else value for value in column.dictionary.to_pylist()]
    return ["" if place is None else texts[place] for place in column.indices.to_pylist()]


def _unpacked(column: Any, pa: Any, pc: Any) -> int:
    """Bytes of a column's values once each stands by itself."""
    if pa.types.is_dictionary(column.type):
        lengths = pc.binary_length(column.dictionary)
        longest = pc.max(lengths).as_py() or 0
        if longest > 4 * MOST_TEXT:
            raise ValueError(f"a text of {longest:,} bytes is longer than the {MOST_TEXT:,} characters that are read")
        return int(pc.sum(lengths.take(column.indices)).as_py() or 0)
    return int(column.nbytes)
