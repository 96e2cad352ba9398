"""A process that computes for the app, one job after another: `python -m engine.computing.worker [--behind]`.

It reads pickled messages from its standard input and writes its own to its standard output: both ends are this program. When the
input ends, because the app did, so does the process.
"""

import os
import pickle
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from engine.errors import UserError
from engine.process import quick_imports, wait_politely
from engine.progress import Progress

wait_politely()

BETWEEN = 0.1  # Seconds between two reports.
SHOWN = 1.0  # Seconds between two results as far as they have come.
BEHIND = 10  # Niceness of what takes long: it has the cores that quick answers leave.


class Cancelled(Exception):
    """A person no longer wants it."""


class Report:
    """What a job says while it works (see `engine.progress`)."""

    def __init__(self, worker: "Worker", number: int) -> None:
        self.worker, self.number = worker, number
        self.told = self.shown = 0.0

    def __call__(self, done: int, of: int) -> None:
        """How far it is.

        Raises:
            Cancelled: nobody wants it any more.
        """
        if self.number in self.worker.ended:
            raise Cancelled
        if time.monotonic() - self.told >= BETWEEN or done >= of:
            self.told = time.monotonic()
            self.worker.say(self.number, "told", (done, of))

    def so_far(self, made: Callable[[], Any]) -> None:
        """What it has found."""
        if time.monotonic() - self.shown >= SHOWN:
            self.shown = time.monotonic()
            self.worker.say(self.number, "so far", made())


class Worker:
    """The messages in and out, and which job is to be ended."""

    def __init__(self) -> None:
        # What a library prints must not fall between two messages.
        self.out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self.jobs: queue.Queue[tuple[int, Any]] = queue.Queue()
        self.ended: set[int] = set()

    def listen(self) -> None:
        """Take in jobs, and the numbers of those that are to be ended."""
        while True:
            try:
                number, job = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the pool, nobody else)
            except (EOFError, OSError):
                os._exit(0)
            if job is None:
                self.ended.add(number)
            else:
                self.jobs.put((number, job))

    def say(self, number: int, what: str, with_: Any) -> None:
        """Send a message: `told`, `so far`, `done`, `refused`, `cancelled` or `failed`."""
        self.out.write(pickle.dumps((number, what, with_)))
        self.out.flush()

    def work(self, run: Callable[[Any, Progress], Any], number: int, job: Any) -> None:
        """Do one job and send how it ended."""
        try:
            self.say(number, "done", run(job, Report(self, number)))
        except Cancelled:
            self.say(number, "cancelled", None)
        except UserError as problem:
            self.say(number, "refused", str(problem))
        except Exception:  # Said where the app logs: the process goes on with the next job.
            self.say(number, "failed", traceback.format_exc())


def main() -> None:
    """Work until the input ends."""
    if "--behind" in sys.argv and hasattr(os, "nice"):
        os.nice(BEHIND)
    worker = Worker()
    threading.Thread(target=worker.listen, daemon=True).start()
    with quick_imports():
        from engine.computing.jobs import run  # What every job needs is loaded before the first one comes.

    while True:
        worker.work(run, *worker.jobs.get())


if __name__ == "__main__":
    main()
