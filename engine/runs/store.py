"""Runs in a SQLite database (WAL): one row per run, one row per logged figure. Everyone reads it, workers write."""

import json
import re
import secrets
import shutil
import socket
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.database import Database
from engine.errors import UserError
from engine.home import home

ACTIVE = ("starting", "running")
RESUMABLE = ("cancelled", "crashed", "failed")
FINISHED = ("completed", *RESUMABLE)


@dataclass(frozen=True)
class Run:
    """A run's row. `seconds`: time spent training so far. `metrics`: final figures. `info`: device, precision, …"""

    id: str
    name: str
    config: dict[str, Any]
    status: str
    created: float
    started: float | None
    finished: float | None
    seconds: float
    step: int
    max_steps: int | None
    message: str
    metrics: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    pid: int | None = None
    pid_started: float | None = None
    host: str | None = None
    cancel: bool = False

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return home() / "runs" / self.id

    @property
    def model_folder(self) -> Path:
        """The finished model (`save_pretrained`)."""
        return self.folder / "model"

    @property
    def table_file(self) -> Path:
        """TextAT's table as it stood at the latest evaluation."""
        return self.folder / "table.safetensors"

    @property
    def kept_models(self) -> dict[int, Path]:
        """Models kept at evaluations (`keep_models`), by optimiser step."""
        return {int(each.name): each for each in sorted((self.folder / "models").glob("[0-9]*"))}

    @property
    def log_file(self) -> Path:
        """What the worker printed."""
        return self.folder / "log.txt"

    @property
    def title(self) -> str:
        """Its name, or what it does."""
        return self.name or f"{self.config['method']} on {Path(self.config['dataset']).name}"

    def document(self) -> dict[str, Any]:
        """As the CLI's JSON."""
        return {
            "run": self.id,
            "name": self.name,
            "dir": str(self.folder),
            "method": self.config["method"],
            "dataset": self.config["dataset"],
            "model": self.config["model"],
            "status": self.status,
            "steps": self.step,
            "max_steps": self.max_steps,
            "seconds": round(self.seconds, 3),
            "metrics": self.metrics,
            "message": self.message,
            "created": self.created,
            "config": self.config,
            "info": self.info,
        }


class Store(Database):
    """The runs in the database. Cheap to make."""

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
        for name in ("config", "metrics", "info"):
            values[name] = json.loads(values[name])
        values["cancel"] = bool(values["cancel"])
        return Run(**values)

    def all(self) -> list[Run]:
        """All runs, the newest first."""
        with self.reading() as connection:
            return [self._run(row) for row in connection.execute("SELECT * FROM runs ORDER BY created DESC")]

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

    def find(self, reference: str) -> Run:
        """A run by id, by the beginning of its id, by its name if only one has it, or `latest`."""
        runs = self.all()
        if reference == "latest" and runs:
            return runs[0]
        for match in (
            [run for run in runs if run.id == reference],
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
        """Write a step's figures, and set columns, in one transaction."""
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
        """Mark active runs whose process is gone as crashed, with the last lines of their log."""
        for run in self.all():
            if run.status in ACTIVE and run.host == socket.gethostname() and not _alive(run):
                tail = last_lines(run.log_file)
                message = f"The process ended without a word.{' Its last words: ' + tail if tail else ''}"
                self.update(run.id, only_if=ACTIVE, status="crashed", finished=time.time(), message=message)


def _alive(run: Run) -> bool:
    # A number alone may have gone to another process since: the start time tells them apart.
    if run.pid is None:
        return time.time() - (run.started or run.created) < 60
    try:
        process = psutil.Process(run.pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - (run.pid_started or 0)) < 2
    except psutil.Error:
        return False


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end (`trainer_state.json` is written last), else None."""
    whole = []
    for each in (folder / "checkpoints").glob("checkpoint-*"):
        try:
            whole.append((int(json.loads((each / "trainer_state.json").read_text())["global_step"]), each))
        except (OSError, ValueError, KeyError):
            continue
    return max(whole)[1] if whole else None


def last_lines(path: Path, count: int = 5, most: int = 1500) -> str:
    """The last lines of a text file, "" if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16384))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])[-most:]
