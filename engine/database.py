"""The SQLite database (WAL) under the home folder: its tables, and connections to it that end in plain words."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from engine.errors import NO_ROOM, Busy, NoRoom, UserError
from engine.home import DATABASE, home

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
MARKS = """
CREATE TABLE IF NOT EXISTS marks (
    before TEXT NOT NULL, after TEXT NOT NULL, kept INTEGER NOT NULL, time REAL NOT NULL, PRIMARY KEY (before, after)
) WITHOUT ROWID;
"""
CLASSES = """
CREATE TABLE IF NOT EXISTS classes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, opened REAL NOT NULL, closed REAL,
    screen TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS students (
    id TEXT PRIMARY KEY, class INTEGER NOT NULL REFERENCES classes(id) ON DELETE CASCADE, name TEXT NOT NULL,
    joined REAL NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS questions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, class INTEGER NOT NULL REFERENCES classes(id) ON DELETE CASCADE,
    kind TEXT NOT NULL, asked TEXT NOT NULL, answer TEXT, stage TEXT NOT NULL, made REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS predictions (
    question INTEGER NOT NULL REFERENCES questions(id) ON DELETE CASCADE,
    student TEXT NOT NULL REFERENCES students(id) ON DELETE CASCADE, value TEXT NOT NULL, time REAL NOT NULL,
    PRIMARY KEY (question, student)
) WITHOUT ROWID;
"""
TAGS = """
CREATE TABLE IF NOT EXISTS tags (
    run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, tag TEXT NOT NULL, PRIMARY KEY (run, tag)
) WITHOUT ROWID;
"""
FOLDED = """
CREATE TABLE IF NOT EXISTS folded (cell INTEGER PRIMARY KEY REFERENCES cells(id) ON DELETE CASCADE) WITHOUT ROWID;
"""
# One entry per version of the database, in order; what stands here is never changed, only added to.
VERSIONS = (RUNS, NOTEBOOKS, MARKS, CLASSES, TAGS, FOLDED)


class Database:
    """Every call opens its own short connection, so that any number of processes may share the file.

    Args:
        patience: seconds to wait for another program that writes.
    """

    def __init__(self, patience: float = 30.0) -> None:
        self.path = home() / DATABASE
        self.patience = patience

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction, committed at the end.

        Raises:
            Busy: another program held it for longer than `patience`.
            NoRoom: the disk is full.
            UserError: the database cannot be used (read-only, not a database).
        """
        try:
            self._made()
            connection = sqlite3.connect(self.path, timeout=self.patience, isolation_level=None)
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA foreign_keys=ON")
                _bring_up_to_date(connection)
                connection.execute("BEGIN IMMEDIATE")
                self.found(connection)
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as problem:
            raise self._in_plain_words(problem, "used") from None

    def _made(self) -> None:
        """An empty file for its owner alone. One that is there is not opened: closing it would drop SQLite's locks."""
        if not self.path.exists():
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def found(self, connection: sqlite3.Connection) -> None:
        """Called in every transaction before anything is written in it."""

    def settled(self, connection: sqlite3.Connection) -> bool:
        """Whether `found` has nothing to do: before it has run, what is read may be missing rows."""
        return True

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write, and is not held up by those that do.

        Raises:
            Busy, NoRoom, UserError: as `writing`.
        """
        try:
            if not self.path.exists():
                with self.writing():
                    pass
            connection = self._opened_to_read()
            try:
                connection.row_factory = sqlite3.Row
                if _version(connection) < len(VERSIONS) or not self.settled(connection):
                    with self.writing():
                        pass
                yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as problem:
            raise self._in_plain_words(problem, "read") from None

    def _opened_to_read(self) -> sqlite3.Connection:
        address = f"file:{quote(str(self.path))}?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=self.patience, isolation_level=None)
        try:
            _version(connection)
        except sqlite3.OperationalError as problem:
            connection.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            if _code(problem) == sqlite3.SQLITE_BUSY or (log.exists() and log.stat().st_size):
                raise
            # There is no room for the log's index, and nothing in the log: the file itself is all there is.
            connection = sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None)
        return connection

    def _in_plain_words(self, problem: Exception, verb: str) -> UserError:
        code, number = _code(problem), getattr(problem, "errno", None)
        full = code == sqlite3.SQLITE_FULL or number in NO_ROOM
        if full or (code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and not self._can_grow()):
            return NoRoom(
                f"There is no room left on the disk of {self.path}. Free some and try again: nothing is lost."
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return Busy(
                f"The run database {self.path} is held by another program; it was waited for {self.patience:g} s. Try again"
                " when that program is done."
            )
        return UserError(
            f"The run database {self.path} cannot be {verb}: {problem}. Check that its folder is writable and that the file"
            " is Deltabook's."
        )

    def _can_grow(self) -> bool:
        """Whether the disk takes a file a little larger than the database: SQLite says only that writing failed."""
        try:
            size = self.path.stat().st_size + 2**16
            with tempfile.TemporaryFile(dir=self.path.parent) as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
        except OSError as problem:
            return problem.errno not in NO_ROOM
        return True


def _code(problem: Exception) -> int:
    return int(getattr(problem, "sqlite_errorcode", 0) or 0) & 0xFF  # The rest says more of the same kind.


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version == 0:
        connection.execute("PRAGMA journal_mode=WAL")
    for number, tables in enumerate(VERSIONS[version:], version + 1):
        connection.executescript(f"{tables} PRAGMA user_version={number};")
