"""The SQLite database (WAL) under the home folder: its tables, and connections to it that end in plain words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import UserError
from engine.home import home

RUNS = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, config TEXT NOT NULL, status TEXT NOT NULL,
    created REAL NOT NULL, started REAL, finished REAL, seconds REAL NOT NULL DEFAULT 0,
    step INTEGER NOT NULL DEFAULT 0, max_steps INTEGER, message TEXT NOT NULL DEFAULT '',
    metrics TEXT NOT NULL DEFAULT '{}', info TEXT NOT NULL DEFAULT '{}',
    pid INTEGER, pid_started REAL, host TEXT, cancel INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS figures (
    run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL, name TEXT NOT NULL, value REAL, time REAL NOT NULL,
    PRIMARY KEY (run, name, step)
) WITHOUT ROWID;
"""
NOTEBOOKS = """
CREATE TABLE IF NOT EXISTS notebooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created REAL NOT NULL, changed REAL NOT NULL, deleted REAL
);
CREATE TABLE IF NOT EXISTS cells (
    id INTEGER PRIMARY KEY AUTOINCREMENT, notebook INTEGER NOT NULL REFERENCES notebooks(id) ON DELETE CASCADE,
    place REAL NOT NULL, note TEXT NOT NULL DEFAULT '', answer TEXT NOT NULL DEFAULT '', finding TEXT, shown TEXT,
    facts TEXT NOT NULL DEFAULT '{}', created REAL NOT NULL, deleted REAL
);
CREATE INDEX IF NOT EXISTS cells_of ON cells (notebook, place);
"""
# One entry per version of the database, in order; what stands here is never changed, only added to.
VERSIONS = (RUNS, NOTEBOOKS)


class Database:
    """Every call opens its own short connection, so that any number of processes may share the file."""

    def __init__(self) -> None:
        self.path = home() / "runs.sqlite"

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction, committed at the end.

        Raises:
            UserError: the database cannot be used (locked, read-only, disk full, not a database).
        """
        try:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA foreign_keys=ON")
                _bring_up_to_date(connection)
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()
        except sqlite3.Error as problem:
            raise UserError(
                f"The run database {self.path} cannot be used: {problem}. Check that its folder is writable, has room,"
                " and that no other program holds it."
            ) from None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading.

        Raises:
            UserError: the database cannot be read.
        """
        try:
            connection = sqlite3.connect(self.path, timeout=30)
            try:
                connection.row_factory = sqlite3.Row
                if _version(connection) < len(VERSIONS):
                    with self.writing():
                        pass
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as problem:
            raise UserError(f"The run database {self.path} cannot be read: {problem}.") from None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version == 0:
        connection.execute("PRAGMA journal_mode=WAL")
    for number, tables in enumerate(VERSIONS[version:], version + 1):
        connection.executescript(f"{tables} PRAGMA user_version={number};")
