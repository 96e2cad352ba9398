"""Who computes what: two processes, one for quick answers and one for what takes long, so that neither waits for the other."""

import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.computing.job import Job
from engine.errors import UserError

GRACE = 1.5  # Seconds that a job has to end by itself, at its next report, before its process is ended.
GONE = (
    "The computation's process has ended, perhaps because the memory did not suffice. Choose fewer examples, a shorter text or a"
    " smaller model, and try again."
)
ROOT = Path(__file__).resolve().parents[2]


class Cancelled(Exception):
    """Somebody has ended the computation that is waited for."""


@dataclass(eq=False)
class Ticket:
    """A computation that was asked for; all who ask for the same share it.

    Attributes:
        waiting: who waits for it. begun: whether it is its turn. at: (done, of) of its last report; of = 0: there was none.
        so_far: the result as far as it has come; None: it has not said.
    """

    key: str
    job: Job
    then: Callable[[Any], object]
    waiting: set[str] = field(default_factory=set)
    begun: bool = False
    at: tuple[int, int] = (0, 0)
    so_far: Any = None
    ended: bool = False
    result: Any = None
    problem: Exception | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, at most so long; whether it has."""
        with self.changed:
            return self.ended or (self.changed.wait(seconds) and self.ended)

    def end(self, result: Any = None, problem: Exception | None = None) -> None:
        """It has ended, well or with a problem."""
        if problem is None:
            self.then(result)
        with self.changed:
            self.result, self.problem, self.ended = result, problem, True
            self.changed.notify_all()

    def get(self) -> Any:
        """The result of what has ended.

        Raises:
            UserError: what the analysis refuses. Cancelled. RuntimeError: a fault, with its traceback.
        """
        if self.problem is not None:
            raise self.problem
        return self.result


class Lane:
    """One process and what waits for it. The process starts with the first job, and anew when it was ended."""

    def __init__(self, behind: bool) -> None:
        self.behind = behind
        self.queue: deque[Ticket] = deque()
        self.running: Ticket | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.number = 0
        self.lock = threading.Condition()
        threading.Thread(target=self._serve, daemon=True, name=f"lane {'long' if behind else 'quick'}").start()

    def add(self, ticket: Ticket) -> None:
        """Queue a ticket; one that runs and that nobody waits for any more gives way."""
        with self.lock:
            self.queue.append(ticket)
            self.lock.notify_all()
            if self.running is not None and not self.running.waiting:
                self._end_running()

    def drop(self, ticket: Ticket) -> None:
        """End a ticket, whether it waits or runs."""
        with self.lock:
            if ticket in self.queue:
                self.queue.remove(ticket)
                ticket.end(problem=Cancelled())
            elif ticket is self.running:
                self._end_running()

    def left(self, ticket: Ticket) -> None:
        """Nobody waits for a ticket any more: it goes on only while nothing else is to be done."""
        with self.lock:
            if self.queue:  # Itself, or another.
                self.drop(ticket)

    def _end_running(self) -> None:
        """Ask the job to end at its next report; where it does not, its process is ended."""
        process, number = self.process, self.number
        if process is None:
            return
        self._send(number, None)
        timer = threading.Timer(GRACE, self._kill_if, (process, number))
        timer.daemon = True
        timer.start()

    def _kill_if(self, process: "subprocess.Popen[bytes]", number: int) -> None:
        with self.lock:
            if self.running is not None and self.number == number and self.process is process:
                process.kill()

    def _send(self, number: int, job: "Job | None") -> None:
        assert self.process is not None and self.process.stdin is not None
        try:
            pickle.dump((number, job), self.process.stdin)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):  # It has ended: who reads from it hears of it.
            pass

    def start(self) -> None:
        """Start the process if there is none."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                command = [sys.executable, "-m", "engine.computing.worker", *(["--behind"] if self.behind else [])]
                path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
                )

    def _serve(self) -> None:
        while True:
            with self.lock:
                while not self.queue:
                    self.lock.wait()
                ticket = self.running = self.queue.popleft()
                ticket.begun, self.number = True, self.number + 1
                self.start()
                self._send(self.number, ticket.job)
            try:
                self._follow(ticket)
            except Exception:  # The process is gone, or what it sent cannot be read: the next job gets a new one.
                self._gone(ticket)

    def _follow(self, ticket: Ticket) -> None:
        """Read what the process says of a ticket, to its end."""
        assert self.process is not None and self.process.stdout is not None
        while True:
            _, what, with_ = pickle.load(self.process.stdout)  # noqa: S301 (from the worker, nobody else)
            if what == "told":
                ticket.at = with_
                continue
            if what == "so far":
                ticket.so_far = with_
                continue
            with self.lock:
                self.running = None
            problems = {"cancelled": Cancelled(), "refused": UserError(str(with_)), "failed": RuntimeError(with_)}
            ticket.end(with_ if what == "done" else None, problems.get(what))
            return

    def _gone(self, ticket: Ticket) -> None:
        with self.lock:
            assert self.process is not None
            ended, self.running = not ticket.waiting, None
            self.process.kill()
            self.process.wait()
            self.process = None
        ticket.end(problem=Cancelled() if ended else UserError(GONE))


class Pool:
    """The two lanes, and every ticket that has not ended, by its key."""

    def __init__(self) -> None:
        self.lanes = {False: Lane(behind=False), True: Lane(behind=True)}
        self.lanes[False].start()  # It loads what it needs before the first question comes.
        self.tickets: dict[str, tuple[Ticket, bool]] = {}
        self.lock = threading.Lock()

    def ask(
        self, key: str, job: Job, who: str, *, long: bool, then: Callable[[Any], object] = lambda _: None
    ) -> Ticket:
        """Have a job done, or wait for the same one that somebody has asked for.

        Args:
            who: asks. long: it is expected to take seconds. then: what is done with the result, whoever still waits for it.
        """
        with self.lock:
            held = self.tickets.get(key)
            if held is not None and not held[0].ended:
                held[0].waiting.add(who)
                return held[0]
            self.tickets = {each: it for each, it in self.tickets.items() if not it[0].ended}
            ticket = Ticket(key, job, then, {who})
            self.tickets[key] = (ticket, long)
        self.lanes[long].add(ticket)
        return ticket

    def leave(self, key: str, who: str) -> None:
        """Somebody no longer waits. What nobody waits for goes on, and is kept, only until another asks for something."""
        if (held := self._without(key, who)) is not None:
            self.lanes[held[1]].left(held[0])

    def cancel(self, key: str, who: str) -> None:
        """Somebody does not want it: it ends, unless others wait for it too."""
        if (held := self._without(key, who)) is not None:
            self.lanes[held[1]].drop(held[0])

    def _without(self, key: str, who: str) -> tuple[Ticket, bool] | None:
        """The ticket of a key if it has not ended and nobody else waits for it."""
        with self.lock:
            held = self.tickets.get(key)
            if held is None or held[0].ended:
                return None
            held[0].waiting.discard(who)
            return None if held[0].waiting else held
