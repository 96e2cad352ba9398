"""Notebooks and their cells in the database. Every change is written at once; what is deleted can come back."""

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Literal

from engine.database import Database
from engine.errors import UserError
from engine.notebook.cells import MOST_TEXT, Cell, Content, Notebook, content_from

MOST_NAME = 120
NoteKept = Literal["alone", "merged", "deleted"]  # What became of a note that was written.
_CELLS = "SELECT *, id IN (SELECT cell FROM folded) AS folded FROM cells WHERE"


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= MOST_NAME:
        raise UserError(f"A notebook's name must have 1 to {MOST_NAME} characters, but it has {len(name)}.")
    return name


def _row(content: Content) -> tuple[str, str, str | None, str | None, str]:
    return (
        content.note,
        content.answer,
        content.spec.model_dump_json() if content.spec else None,
        json.dumps(content.shown, ensure_ascii=False) if content.shown else None,
        json.dumps(content.facts),
    )


def _cell(row: sqlite3.Row) -> Cell:
    try:
        content = content_from(
            {
                "note": row["note"],
                "answer": row["answer"],
                "spec": json.loads(row["finding"]) if row["finding"] else None,
                "shown": json.loads(row["shown"]) if row["shown"] else None,
                "facts": json.loads(row["facts"]),
            }
        )
    except UserError as problem:  # Written by an older version, which looked less closely.
        content = Content(note=f"{row['note']}\n\n*{problem}*", answer=row["answer"])
    return Cell(row["id"], row["notebook"], content, row["created"], bool(row["folded"]))


class Notebooks(Database):
    """All notebooks. Cheap to make."""

    def all(self) -> list[Notebook]:
        """Those that are not deleted, the last changed first."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT id, name, created, changed, (SELECT COUNT(*) FROM cells WHERE notebook = notebooks.id AND deleted"
                " IS NULL) AS cells FROM notebooks WHERE deleted IS NULL ORDER BY changed DESC, id DESC"
            )
            return [Notebook(**dict(row)) for row in rows]

    def get(self, notebook: int) -> Notebook:
        """One notebook.

        Raises:
            UserError: there is none, or it was deleted.
        """
        found = next((each for each in self.all() if each.id == notebook), None)
        if found is None:
            raise UserError(f"There is no notebook number {notebook}. Choose one from the list.")
        return found

    def create(self, name: str, contents: Sequence[Content] = ()) -> Notebook:
        """A new notebook, with cells."""
        name, now = _checked(name), time.time()
        with self.writing() as connection:
            made = connection.execute(
                "INSERT INTO notebooks (name, created, changed) VALUES (?, ?, ?)", (name, now, now)
            ).lastrowid
            connection.executemany(
                "INSERT INTO cells (notebook, place, note, answer, finding, shown, facts, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(made, place, *_row(content), now) for place, content in enumerate(contents)],
            )
        assert made is not None
        return self.get(made)

    def rename(self, notebook: int, name: str) -> None:
        """Give it another name."""
        with self.writing() as connection:
            connection.execute(
                "UPDATE notebooks SET name = ?, changed = ? WHERE id = ?", (_checked(name), time.time(), notebook)
            )

    def duplicate(self, notebook: int) -> Notebook:
        """A copy with all its cells."""
        name = f"{self.get(notebook).name[: MOST_NAME - 7]} (copy)"
        return self.create(name, [cell.content for cell in self.cells(notebook)])

    def delete(self, notebook: int) -> None:
        """Put it aside; `undelete` brings it back."""
        with self.writing() as connection:
            connection.execute("UPDATE notebooks SET deleted = ? WHERE id = ?", (time.time(), notebook))

    def deleted(self) -> int:
        """How many notebooks could come back."""
        with self.reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM notebooks WHERE deleted IS NOT NULL").fetchone()[0])

    def undelete(self) -> Notebook | None:
        """Bring the last deleted notebook back; None if there is none."""
        with self.writing() as connection:
            row = connection.execute(
                "UPDATE notebooks SET deleted = NULL WHERE id = (SELECT id FROM notebooks WHERE deleted IS NOT NULL"
                " ORDER BY deleted DESC LIMIT 1) RETURNING id"
            ).fetchone()
        return None if row is None else self.get(row["id"])

    def cells(self, notebook: int) -> list[Cell]:
        """Its cells, in order."""
        with self.reading() as connection:
            rows = connection.execute(f"{_CELLS} notebook = ? AND deleted IS NULL ORDER BY place, id", (notebook,))
            return [_cell(row) for row in rows]

    def cell(self, cell: int) -> Cell:
        """One cell.

        Raises:
            UserError: there is none, or it was deleted.
        """
        with self.reading() as connection:
            row = connection.execute(f"{_CELLS} id = ? AND deleted IS NULL", (cell,)).fetchone()
        if row is None:
            raise UserError("This cell is not there any more; it was deleted in another window. Load the page again.")
        return _cell(row)

    def add(self, notebook: int, content: Content, after: int | None = None) -> Cell:
        """A new cell at the end, or after another one."""
        self.get(notebook)
        now = time.time()
        with self.writing() as connection:
            (last,) = connection.execute(
                "SELECT COALESCE(MAX(place), 0) FROM cells WHERE notebook = ?", (notebook,)
            ).fetchone()
            place = last + 1
            if after is not None:
                (before,) = connection.execute("SELECT place FROM cells WHERE id = ?", (after,)).fetchone()
                (following,) = connection.execute(
                    "SELECT MIN(place) FROM cells WHERE notebook = ? AND deleted IS NULL AND place > ?",
                    (notebook, before),
                ).fetchone()
                place = before + 1 if following is None else (before + following) / 2
            made = connection.execute(
                "INSERT INTO cells (notebook, place, note, answer, finding, shown, facts, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (notebook, place, *_row(content), now),
            ).lastrowid
            _touch(connection, notebook)
        assert made is not None
        return self.cell(made)

    def write(self, cell: int, content: Content) -> None:
        """Replace what a cell holds."""
        with self.writing() as connection:
            connection.execute(
                "UPDATE cells SET note = ?, answer = ?, finding = ?, shown = ?, facts = ? WHERE id = ?",
                (*_row(content), cell),
            )
            _touch(connection, self._notebook_of(connection, cell))

    def write_note(self, cell: int, note: str, was: str) -> NoteKept:
        """Replace a cell's note only, whatever else is being written to it meanwhile.

        Args:
            was: the note that was edited. Where another one stands there by now, both are kept, one below the other.

        Returns:
            `alone`; `merged`: with the other one; `deleted`: in a cell that has been deleted meanwhile.

        Raises:
            UserError: both together are too long; nothing is written.
        """
        with self.writing() as connection:
            there, deleted = connection.execute("SELECT note, deleted FROM cells WHERE id = ?", (cell,)).fetchone()
            alone = there in (was, note)
            kept = note if alone else f"{there}\n\n---\n\n{note}"
            if len(kept) > MOST_TEXT:
                raise UserError(
                    f"Another window changed this note meanwhile; both together have over {MOST_TEXT:,} characters."
                )
            connection.execute("UPDATE cells SET note = ? WHERE id = ?", (kept, cell))
            _touch(connection, self._notebook_of(connection, cell))
        return "deleted" if deleted is not None else "alone" if alone else "merged"

    @staticmethod
    def _notebook_of(connection: sqlite3.Connection, cell: int) -> int:
        return int(connection.execute("SELECT notebook FROM cells WHERE id = ?", (cell,)).fetchone()[0])

    def move(self, cell: int, to: int) -> None:
        """Put a cell at place `to` among its notebook's, counted from 0; at an end where that is beyond it."""
        of = self.cell(cell).notebook
        order = [each.id for each in self.cells(of) if each.id != cell]
        order.insert(max(0, to), cell)
        with self.writing() as connection:
            connection.executemany("UPDATE cells SET place = ? WHERE id = ?", list(enumerate(order)))
            _touch(connection, of)

    def fold(self, cell: int, folded: bool) -> None:
        """Show a cell's title alone, or all of it."""
        with self.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO folded VALUES (?)" if folded else "DELETE FROM folded WHERE cell = ?", (cell,)
            )

    def delete_cell(self, cell: int) -> None:
        """Put a cell aside; `undelete_cell` brings it back to its place."""
        with self.writing() as connection:
            connection.execute("UPDATE cells SET deleted = ? WHERE id = ?", (time.time(), cell))
            _touch(connection, self._notebook_of(connection, cell))

    def undelete_cell(self, notebook: int) -> int | None:
        """Bring a notebook's last deleted cell back; its id, None if there is none."""
        with self.writing() as connection:
            row = connection.execute(
                "UPDATE cells SET deleted = NULL WHERE id = (SELECT id FROM cells WHERE notebook = ? AND deleted IS NOT NULL"
                " ORDER BY deleted DESC LIMIT 1) RETURNING id",
                (notebook,),
            ).fetchone()
            _touch(connection, notebook)
        return None if row is None else int(row["id"])

    def deleted_cells(self, notebook: int) -> int:
        """How many cells could come back."""
        with self.reading() as connection:
            return int(
                connection.execute(
                    "SELECT COUNT(*) FROM cells WHERE notebook = ? AND deleted IS NOT NULL", (notebook,)
                ).fetchone()[0]
            )


def _touch(connection: sqlite3.Connection, notebook: int) -> None:
    connection.execute("UPDATE notebooks SET changed = ? WHERE id = ?", (time.time(), notebook))
