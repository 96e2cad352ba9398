"""Runs in a SQLite database (WAL): one row per run, one row per logged figure. Everyone reads it, workers write."""

import json
import re
import secrets
import shutil
import socket
import sqlite3
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from engine.database import Database
from engine.errors import UserError
from engine.runs.lost import lost_runs
from engine.runs.run import ACTIVE, Run, last_lines

OURS = 0x0DE17A  # The database's application_id, once its runs have been looked for.
SILENT = 120.0  # Seconds without a sign after which a process on another host is taken for gone.


@lru_cache(maxsize=20_000)
def _configuration(text: str) -> dict[str, Any]:
    """A run's configuration, which never changes: read once for all who list the runs, who do not write to it."""
    found: dict[str, Any] = json.loads(text)
    return found


class Store(Database):
    """The runs in the database. Cheap to make."""

    def found(self, connection: sqlite3.Connection) -> None:
        """Put lost runs back: a new database beside folders of runs means that their rows were lost."""
        if not self.settled(connection):
            for run in lost_runs({row["id"] for row in connection.execute("SELECT id FROM runs")}):
                names = ", ".join(run)
                connection.execute(
                    f"INSERT INTO runs ({names}) VALUES ({', '.join('?' * len(run))})", tuple(run.values())
                )
            connection.execute(f"PRAGMA application_id = {OURS}")

    def settled(self, connection: sqlite3.Connection) -> bool:
        """Whether lost runs have been looked for."""
        return int(connection.execute("PRAGMA application_id").fetchone()[0]) == OURS

    def create(self, config: Mapping[str, Any], status: str = "queued", info: Mapping[str, Any] | None = None) -> Run:
        """A new run with a folder of its own. Its id is made here, never from what a user typed."""
        words = [config["method"], re.sub(r"[^a-z0-9]+", "-", Path(config["dataset"]).stem.lower())[:24].strip("-")]
        identifier = "-".join([*filter(None, words), secrets.token_hex(3)])
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO runs (id, name, config, status, created, max_steps, info) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    identifier,
                    config["name"],
                    json.dumps(dict(config)),
                    status,
                    time.time(),
                    config["max_steps"],
                    json.dumps(dict(info or {})),
                ),
            )
        run = self.get(identifier)
        run.folder.mkdir(parents=True)
        (run.folder / "config.json").write_text(json.dumps(run.config, indent=2, ensure_ascii=False))
        return run

    @staticmethod
    def _run(row: sqlite3.Row) -> Run:
        values = dict(row)
        values["config"] = _configuration(values["config"])
        for name in ("metrics", "info"):
            values[name] = json.loads(values[name])
        values["cancel"] = bool(values["cancel"])
        return Run(**values)

    def all(self) -> list[Run]:
        """All runs, the newest first."""
        with self.reading() as connection:
            return [self._run(row) for row in connection.execute("SELECT * FROM runs ORDER BY created DESC")]

    def of(self, *statuses: str) -> list[Run]:
        """Those with one of these statuses, the oldest first."""
        return self._with(statuses, "ORDER BY created")

    def latest(self, *statuses: str, most: int) -> list[Run]:
        """The `most` newest with one of these statuses, the newest first."""
        return self._with(statuses, f"ORDER BY created DESC LIMIT {int(most)}")

    def _with(self, statuses: Sequence[str], order: str) -> list[Run]:
        marks = ", ".join("?" * len(statuses))
        with self.reading() as connection:
            rows = connection.execute(f"SELECT * FROM runs WHERE status IN ({marks}) {order}", statuses)
            return [self._run(row) for row in rows]

    def count(self) -> int:
        """How many there are."""
        with self.reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0])

    def row_of(self, identifier: str) -> Run | None:
        """The run with that id, None if there is none."""
        with self.reading() as connection:
            row = connection.execute("SELECT * FROM runs WHERE id = ?", (identifier,)).fetchone()
        return None if row is None else self._run(row)

    def get(self, identifier: str) -> Run:
        """The run with that id.

        Raises:
            UserError: there is none.
        """
        run = self.row_of(identifier)
        if run is None:
            raise UserError(f"There is no run {identifier[:80]!r}. `python -m engine runs` lists them.")
        return run

    def called(self, name: str) -> str | None:
        """The id of the newest run with that id or name; None if there is none."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT id FROM runs WHERE ? IN (id, name) ORDER BY created DESC LIMIT 1", (name,)
            ).fetchone()
        return None if row is None else str(row["id"])

    def find(self, reference: str) -> Run:
        """A run by id, by the beginning of its id, by its name if only one has it, or `latest`."""
        if (found := self.row_of(reference)) is not None:
            return found
        runs = self.all()
        if reference == "latest" and runs:
            return runs[0]
        for match in (
            [run for run in runs if run.name == reference],
            [run for run in runs if reference and run.id.startswith(reference)],
        ):
            if len(match) == 1:
                return match[0]
            if match:
                raise UserError(
                    f"{reference[:80]!r} means {len(match)} runs: {', '.join(run.id for run in match[:5])}."
                )
        return self.get(reference)

    def update(self, identifier: str, *, only_if: tuple[str, ...] = (), **values: Any) -> bool:
        """Set columns; with `only_if`, only where the status is one of these. Says whether it did."""
        values = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in values.items()}
        names = ", ".join(f"{name} = ?" for name in values)
        condition = f" AND status IN ({', '.join('?' * len(only_if))})" if only_if else ""
        with self.writing() as connection:
            done = connection.execute(
                f"UPDATE runs SET {names} WHERE id = ?{condition}", (*values.values(), identifier, *only_if)
            )
            return done.rowcount == 1

    def log(self, identifier: str, step: int, figures: Mapping[str, float], **values: Any) -> None:
        """Write a step's figures, and set columns, in one transaction.

        Raises:
            Busy: another program held the database for longer than `patience`; nothing was written.
        """
        now = time.time()
        with self.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?)",
                [(identifier, step, name, value, now) for name, value in figures.items()],
            )
            names = ", ".join(f"{name} = ?" for name in ("step", *values))
            connection.execute(f"UPDATE runs SET {names} WHERE id = ?", (step, *values.values(), identifier))

    def figures(self, identifier: str) -> dict[str, list[tuple[int, float]]]:
        """All logged figures by name: (step, value), in order."""
        curves: dict[str, list[tuple[int, float]]] = {}
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT name, step, value FROM figures WHERE run = ? ORDER BY name, step", (identifier,)
            )
            for name, step, value in rows:
                curves.setdefault(name, []).append((step, value))
        return curves

    def timed(self, identifier: str) -> list[tuple[str, int, float, float]]:
        """All logged figures as (name, step, value, time in seconds since 1970), in the order in which they were logged."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT name, step, value, time FROM figures WHERE run = ? AND value IS NOT NULL ORDER BY time, step, name",
                (identifier,),
            )
            return [tuple(row) for row in rows]

    def forget_after(self, identifier: str, step: int) -> None:
        """Drop figures after `step`: a resumed run writes them again."""
        with self.writing() as connection:
            connection.execute("DELETE FROM figures WHERE run = ? AND step > ?", (identifier, step))

    def delete(self, identifier: str) -> None:
        """Delete a run that is not active: its row, figures and files.

        Raises:
            UserError: it is still running.
        """
        run = self.get(identifier)
        with self.writing() as connection:
            gone = connection.execute(
                "DELETE FROM runs WHERE id = ? AND status NOT IN ('starting', 'running')", (run.id,)
            )
        if gone.rowcount == 0:
            raise UserError(f"{run.id} is {run.status}: cancel it first.")
        shutil.rmtree(run.folder, ignore_errors=True)

    def reap(self) -> None:
        """Mark active runs whose process is gone as crashed, with the last lines of their log.

        A process on another host counts as gone when it has given no sign for `SILENT` seconds.
        """
        for run in self.of(*ACTIVE):
            if not _alive(run):
                tail = last_lines(run.log_file)
                where = "" if run.host == socket.gethostname() else f" on {run.host}"
                message = f"The process{where} ended without a word.{' Its last words: ' + tail if tail else ''}"
                self.update(run.id, only_if=ACTIVE, status="crashed", finished=time.time(), message=message)


def _alive(run: Run) -> bool:
    if run.host != socket.gethostname():
        try:
            seen = run.heartbeat_file.stat().st_mtime
        except OSError:
            seen = run.started or run.created
        return time.time() - max(seen, run.started or 0.0) < SILENT
    # A number alone may have gone to another process since: the start time tells them apart.
    if run.pid is None:
        return time.time() - (run.started or run.created) < 60
    try:
        process = psutil.Process(run.pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - (run.pid_started or 0)) < 2
    except psutil.Error:
        return False
