"""Text with delimiters, read strictly: what stands between the fields, what quotes mean, and rows that do not fit."""

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from engine.data import rawtable
from engine.data.rawtable import RawTable, Wanted, not_readable
from engine.errors import UserError

TABBED = (".tsv", ".txt")  # The papers' tasks are also handed on as .txt.
DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}


def read_delimited(path: Path, keep: Wanted, skip_bad: bool) -> RawTable:
    """A TSV or CSV file (or one that its ending misnames), every row with as many fields as the head.

    Args:
        keep: which columns.
        skip_bad: leave out rows that do not fit, and say so.

    Raises:
        UserError: a row that does not fit, or a quote that is not closed; with its line.
    """
    with path.open("rb") as file:
        if b"\0" in file.read(65536):
            raise UserError(f"{path.name} is a binary file, not a table of text in UTF-8.")
    with path.open(encoding="utf-8", newline="") as file:
        if len(file.readline(rawtable.MOST_HEAD + 1)) > rawtable.MOST_HEAD:
            raise UserError(
                f"{path.name}: its first line has more than {rawtable.MOST_HEAD:,} characters: it names no columns."
            )
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
    """What separates the fields: what the file's ending says, if it separates the first line, else what does."""
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
        before = csv.field_size_limit(rawtable.MOST_TEXT)
        start = 1
        try:
            for row in reader:
                if any(row):
                    self.rows.append((start, row))
                start = reader.line_num + 1
        except csv.Error as problem:
            if "field larger" in str(problem):
                return UserError(
                    f"{self.path.name}, line {start}: a text has more than {rawtable.MOST_TEXT:,} characters."
                )
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
            raise not_readable(self.path, ValueError("it is empty"))
        head, body = self.rows[0][1], self.rows[1:]
        head, body = _without_trailing(head, body)
        if len(head) > rawtable.MOST_COLUMNS:
            raise UserError(f"{self.path.name} has {len(head):,} columns; at most {rawtable.MOST_COLUMNS:,} are read.")
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
        return RawTable(pd.DataFrame(columns, dtype=str), [line for line, _ in body], head, notes)


def _without_trailing(
    head: list[str], body: list[tuple[int, list[str]]]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Drop the empty last column that a delimiter at the end of every row makes."""
    if head and head[-1].strip() == "":
        fits = all(len(row) == len(head) - 1 or (len(row) == len(head) and not row[-1].strip()) for _, row in body)
        if fits:
            return head[:-1], [(line, row[: len(head) - 1]) for line, row in body]
    elif body and all(len(row) == len(head) + 1 and not row[-1].strip() for _, row in body):
        return head, [(line, row[:-1]) for line, row in body]
    return head, body
