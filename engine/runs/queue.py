"""Start, cancel and resume runs. At most `DELTABOOK_PARALLEL` (1) at a time; the rest wait in the order they came.

There is no daemon: whoever looks (a page, a CLI call, a worker that ends) moves the queue on, and a run is claimed in
one transaction, so that two of them never start it twice.
"""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from engine.errors import Busy, NoRoom, UserError
from engine.process import wait_politely
from engine.runs.config import TrainConfig
from engine.runs.run import ACTIVE, RESUMABLE, Run
from engine.runs.store import Store

ROOT = Path(__file__).resolve().parents[2]


def parallel() -> int:
    """How many runs may train at once."""
    value = os.environ.get("DELTABOOK_PARALLEL", "1")
    if not value.isdigit() or int(value) < 1:
        raise UserError(f"DELTABOOK_PARALLEL must be a whole number from 1, but it is {value[:20]!r}.")
    return int(value)


def submit(config: TrainConfig, info: dict[str, Any] | None = None) -> Run:
    """Put a new run in the queue, and start it if there is room. `info`: what is known of it beforehand."""
    store = Store()
    run = store.create(config.as_dict(), info=info)
    advance(store)
    return store.get(run.id)


def advance(store: Store | None = None) -> None:
    """Notice crashes, then start waiting runs while there is room."""
    store = store or Store()
    store.reap()
    while (claimed := _claim(store)) is not None:
        _launch(store, claimed)


def glance() -> None:
    """`advance`, for callers that only look: if another program holds the database, the queue is moved on later."""
    with suppress(Busy, NoRoom):
        advance(Store(patience=1.0))


def _claim(store: Store) -> str | None:
    with store.writing() as connection:
        row = connection.execute(
            "UPDATE runs SET status = 'starting', started = ?, host = ?, pid = NULL WHERE id = ("
            " SELECT id FROM runs WHERE status = 'queued' ORDER BY created LIMIT 1"
            ") AND (SELECT COUNT(*) FROM runs WHERE status IN ('starting', 'running')) < ? RETURNING id",
            (time.time(), socket.gethostname(), parallel()),
        ).fetchone()
        return None if row is None else str(row["id"])


def _launch(store: Store, identifier: str) -> None:
    run = store.get(identifier)
    wait_politely()
    environment: dict[str, Any] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    try:
        with run.log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "engine.runs.worker", run.id],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # It outlives the server and the terminal.
                env=environment,
                cwd=ROOT,
            )
    except OSError as problem:
        store.update(run.id, status="failed", finished=time.time(), message=f"It could not be started: {problem}.")
        return
    # At once, so that a process that dies while it still loads its libraries is missed too.
    with suppress(psutil.Error):
        started = psutil.Process(process.pid).create_time()
        store.update(run.id, only_if=("starting",), pid=process.pid, pid_started=started)
    _CHILDREN.append(process)
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]


# Kept so that ended workers are waited for and do not stay as zombies.
_CHILDREN: list[subprocess.Popen[bytes]] = []


def cancel(reference: str) -> Run:
    """Stop a run: a waiting one at once, a running one after its present step, with a checkpoint to resume from.

    Raises:
        UserError: it has ended already.
    """
    store = Store()
    store.reap()
    run = store.find(reference)
    if store.update(run.id, only_if=("queued",), status="cancelled", finished=time.time(), message="Cancelled."):
        return store.get(run.id)
    if not store.update(run.id, only_if=ACTIVE, cancel=1):
        raise UserError(f"{run.id} is {store.get(run.id).status}: there is nothing to cancel.")
    return store.get(run.id)


def resume(reference: str, *, start: bool = True, halve_batch: bool = False) -> Run:
    """Put a cancelled, crashed or failed run back in the queue; it goes on from its last checkpoint.

    Args:
        start: False: claim it for this process instead.
        halve_batch: half the batch, twice the accumulation: the same sentences per optimiser step in half the
            memory.

    Raises:
        UserError: it cannot be resumed.
    """
    store = Store()
    store.reap()
    run = store.find(reference)
    status: dict[str, Any] = {"status": "queued"} if start else own_process()
    if halve_batch:
        if run.config["batch_size"] % 2:
            raise UserError(
                f"batch_size is {run.config['batch_size']}, which has no half. Start a new run with a smaller one."
            )
        halved = {
            "batch_size": run.config["batch_size"] // 2,
            "gradient_accumulation": run.config["gradient_accumulation"] * 2,
        }
        status["config"] = {**run.config, **halved}
    if not store.update(run.id, only_if=RESUMABLE, cancel=0, message="", finished=None, **status):
        raise UserError(f"{run.id} is {run.status}: only {', '.join(RESUMABLE)} runs can be resumed.")
    if start:
        advance(store)
    return store.get(run.id)


def own_process() -> dict[str, Any]:
    """The columns that say: this process is doing it."""
    return {
        "status": "starting",
        "started": time.time(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "pid_started": psutil.Process().create_time(),
    }
