"""Runs cells of notebooks again, one after another, in the background: it goes on whoever looks at the notebook, or at none."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.drawing.shown import difference, shown_from
from app.notebook.pins import drawn, facts_of
from app.shell import state
from app.shell.expected import takes_long
from app.shell.imports import bring
from app.shell.keeping import pool
from engine.computing.job import Found, Job
from engine.computing.pool import Cancelled, Pool
from engine.errors import UserError
from engine.notebook.cells import Content, Spec
from engine.notebook.store import Notebooks

TOLERANCE = "the same: every number within 0.1 % (or 0.000001), all else equal"
WHO = "notebooks"


@dataclass(frozen=True)
class Turn:
    """A cell that is to be run; `spec`: with other settings than its own."""

    notebook: int
    cell: int
    spec: Spec | None = None


class Runner:
    """The cells that wait, and the one that runs.

    Args:
        offices: who computes; None: the caller's thread, at once.

    Attributes:
        problems: cell → why it could not be run the last time. ended: how many turns have ended since the server started.
        at: (done, of) of the cell that runs.
    """

    def __init__(self, offices: Pool | None) -> None:
        self.offices = offices
        self.waiting: deque[Turn] = deque()
        self.now: Turn | None = None
        self.problems: dict[int, str] = {}
        self.ended, self.at = 0, (0, 0)
        self.lock = threading.Lock()
        self.key = ""

    def add(self, turns: Sequence[Turn]) -> None:
        """Have cells run after those that wait; one that waits is not added again."""
        with self.lock:
            there = {turn.cell for turn in self.waiting}
            self.waiting.extend(turn for turn in turns if turn.cell not in there or turn.spec is not None)
            begins = self.now is None and bool(self.waiting)
            if begins:
                self.now = self.waiting.popleft()
        if begins and self.offices is None:
            self._serve()
        elif begins:
            threading.Thread(target=self._serve, daemon=True, name="notebooks").start()

    def stop(self, notebook: int) -> None:
        """Run no more cells of a notebook; the one that runs is ended."""
        with self.lock:
            self.waiting = deque(turn for turn in self.waiting if turn.notebook != notebook)
            running = self.now is not None and self.now.notebook == notebook
        if running and self.offices is not None:
            self.offices.cancel(self.key, WHO)

    def left(self, notebook: int) -> list[int]:
        """The cells of a notebook that run or wait, in that order."""
        with self.lock:
            turns = [*([self.now] if self.now else []), *self.waiting]
        return [turn.cell for turn in turns if turn.notebook == notebook]

    def is_waiting(self, cell: int) -> bool:
        """Whether a cell runs or waits."""
        with self.lock:
            return any(turn.cell == cell for turn in (self.now, *self.waiting) if turn)

    def is_running(self, cell: int) -> bool:
        """Whether it is a cell's turn."""
        now = self.now
        return now is not None and now.cell == cell

    def _serve(self) -> None:
        bring("engine.catalogue")  # The Notebook page itself goes without.
        while (turn := self.now) is not None:
            self.at = (0, 0)
            try:
                self._run(turn)
                self.problems.pop(turn.cell, None)
            except Cancelled:
                self.problems[turn.cell] = "Stopped: nothing was changed."
            except UserError as problem:
                self.problems[turn.cell] = str(problem)
            except Exception as problem:  # The next cells are run all the same.
                self.problems[turn.cell] = (
                    f"This cell could not be run ({type(problem).__name__}): {str(problem)[-300:]}"
                )
            with self.lock:
                self.ended += 1
                self.now = self.waiting.popleft() if self.waiting else None

    def _run(self, turn: Turn) -> None:
        """Compute a cell anew, keep the result and say whether it is the same."""
        spec = turn.spec or Notebooks().cell(turn.cell).content.spec
        if spec is None:
            return
        parts: dict[str, Found] = {}
        for name, reference in spec.subjects.items():
            job = Job("find", spec.analysis, reference, "", spec.values)
            parts[name] = self._found(job, f"cell {turn.cell} {name}")
        results = {name: each.result for name, each in parts.items()}
        prints = {name: each.fingerprint for name, each in parts.items()}
        said = list(dict.fromkeys(each for one in parts.values() for each in one.remarks))
        seconds = sum(each.seconds for each in parts.values())
        found = state.Finding(
            spec.analysis, dict(spec.subjects), dict(spec.values), results, prints, seconds, "", False, said
        )
        try:
            shown = drawn(found, spec.view, **spec.options).document()
        except (TypeError, ValueError, KeyError, IndexError) as problem:
            raise UserError(
                f"This result cannot be drawn with the cell's options ({type(problem).__name__})."
            ) from None
        before, facts = Notebooks().cell(turn.cell).content, facts_of(found)  # Its note may have been edited meanwhile.
        if before.shown is not None and _readable(before.shown):
            facts["checked"] = _verdict(before, spec, shown, facts)
            facts["checked_at"] = time.time()
        Notebooks().write(turn.cell, before.model_copy(update={"spec": spec, "shown": shown, "facts": facts}))

    def _found(self, job: Job, key: str) -> Found:
        if self.offices is None:
            found: Found = bring("engine.computing.jobs").run(job)
            return found
        self.key = f"{key} {time.monotonic()}"
        ticket = self.offices.ask(self.key, job, WHO, long=takes_long(job))
        while not ticket.wait(0.2):
            self.at = ticket.at
        found = ticket.get()
        return found


@st.cache_resource(show_spinner=False)
def runner() -> Runner:
    """One for the server."""
    return Runner(pool())


def run(cells: Sequence[int], spec: Spec | None = None) -> None:
    """Have cells run. `spec`: with other settings than their own."""
    runner().add([Turn(Notebooks().cell(each).notebook, each, spec) for each in cells])


def _readable(shown: dict[str, Any]) -> bool:
    """Whether a kept result can be compared with: one that was edited by hand need not be."""
    try:
        shown_from(shown)
    except UserError:
        return False
    return True


def _verdict(before: Content, spec: Spec, shown: dict[str, Any], facts: dict[str, Any]) -> str:
    assert before.shown is not None
    apart = difference(before.shown, shown)
    if spec != before.spec:
        return "with other settings" + (f": {apart}" if apart else ": the result is the same")
    causes = [
        f"the {what} changed"
        for what, key in (("model's weights", "models"), ("data", "data"))
        if before.facts.get(key) and before.facts.get(key) != facts.get(key)
    ]
    said = f"changed: {apart}" if apart else TOLERANCE
    return said + (f" ({' and '.join(causes)})" if causes else "")
