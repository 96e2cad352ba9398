"""Results that are computed once per server and kept, with progress and a way to cancel while they are computed."""

import os
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import streamlit as st

from app.shell.imports import bring, bring_ahead
from engine.computing.estimates import ask_above
from engine.computing.job import Job
from engine.computing.pool import Cancelled, Pool

# torch's random state is one per process: what is computed in the server's own takes turns.
_TURN = threading.RLock()
KEPT = 256
UNSEEN = 0.15  # Seconds that a computation may take before a bar is drawn for it.
BETWEEN = 0.2  # Seconds between two looks at how far it is.


class Running:
    """A bar that says how far it is and for how long still, and goes away at the end.

    Args:
        step_text: in the place of `text` once there are reports. key: of what is computed, if a person may cancel it: a click
            draws the page anew, which ends this computation at its next report.
    """

    def __init__(self, text: str, step_text: str | None = None, key: str | None = None) -> None:
        self.place, self.text, self.step_text, self.key = st.empty(), text, step_text or text, key
        self.began = time.monotonic()

    def __enter__(self) -> "Running":
        with self.place.container(horizontal=True, vertical_alignment="center"):
            self.bar = st.progress(0.0, text=f"{self.text} …")
            if self.key is not None:
                st.button(
                    "Cancel",
                    key=f"cancel {self.key}",
                    on_click=_cancel,
                    args=(self.key,),
                    icon=":material/stop_circle:",
                )
        return self

    def waits(self) -> None:
        """Another computation runs; the time counts from its end."""
        self.bar.progress(0.0, text=f"{self.text}: waiting for another computation …")
        self.began = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        """It is so far; of = 0: it has begun."""
        if not of:
            self.bar.progress(0.0, text=f"{self.text} …")
            return
        share, passed = min(1.0, done / of), time.monotonic() - self.began
        left = passed / share - passed if share else 0.0
        more = f", about {left:.0f} s more" if left >= 2 and passed >= 1 else ""
        self.bar.progress(share, text=f"{self.step_text}: {done:,} of {of:,}{more}")

    def __exit__(self, *_: object) -> None:
        self.place.empty()


ENDED_EARLY = "Cancelled before its end: nothing of this part is kept."
_QUESTION = "asked first"  # Hidden by accessible.css once it is answered.
_CANCELLED = "cancelled"
_ASKED = "asked-already"


def _who() -> str:
    """The name of this session, among those that wait for computations."""
    return str(st.session_state.setdefault("who", str(uuid.uuid4())))


def _cancel(key: str) -> None:
    st.session_state[_CANCELLED] = key
    if (offices := pool()) is not None:
        offices.cancel(key, _who())


def _said_if_cancelled(key: str) -> None:
    """End the page here if a person has cancelled this computation and not asked for it again."""
    if st.session_state.get(_CANCELLED) != key:
        return
    with st.container(key=_QUESTION):
        st.info(ENDED_EARLY, icon=":material/stop_circle:")
        st.button("Compute it after all", on_click=lambda: st.session_state.pop(_CANCELLED, None))
    st.stop()


@contextmanager
def asked_already() -> Iterator[None]:
    """What is computed inside was asked for by a button of the page's own."""
    st.session_state[_ASKED] = True
    try:
        yield
    finally:
        st.session_state[_ASKED] = False


def ask_first(keys: Sequence[str], seconds: float, why: str = "Not computed yet for these settings.") -> None:
    """Where something takes long, end the page here with a button that starts it, unless a person has pressed that already.

    Args:
        keys: of what is to be computed. seconds: that all of it is expected to take. why: it takes so long, in a sentence.
    """
    pressed = st.session_state.setdefault("pressed", [])
    if st.session_state.get(_ASKED):
        return
    if set(keys) <= set(pressed) or seconds < ask_above():
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=_QUESTION):
        st.button(
            f"Run ({about(seconds)})", key=f"run {keys}", type="primary", icon=":material/play_arrow:",
            on_click=_begin, args=(keys,),
        )  # fmt: skip
        st.caption(f"{why} It can be cancelled; a result is kept once it is whole.")
    st.stop()


def _begin(keys: Sequence[str]) -> None:
    st.session_state["pressed"].extend(keys)
    st.session_state.pop(_CANCELLED, None)  # Of another computation, a part of which may be asked for now.


def about(seconds: float) -> str:
    """A time that is expected, in words that promise no more than an estimate can."""
    if seconds < 10:
        return "about 5 to 10 s"
    return f"about {round(seconds, -1):.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"


class _Shelf:
    """The last `KEPT` results, shared by all sessions (their threads)."""

    def __init__(self) -> None:
        self.held: OrderedDict[str, Any] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: str) -> Any:
        """The result, or None."""
        with self.lock:
            if key in self.held:
                self.held.move_to_end(key)
            return self.held.get(key)

    def put(self, key: str, result: Any) -> Any:
        """Keep a result; returns it."""
        with self.lock:
            self.held[key] = result
            while len(self.held) > KEPT:
                self.held.popitem(last=False)
        return result


@st.cache_resource(show_spinner=False)
def shelf() -> _Shelf:
    """One for the server."""
    return _Shelf()


@st.cache_resource(show_spinner=False)
def pool() -> Pool | None:
    """One for the server; None where all is computed in the server's own thread (`DELTABOOK_WORKERS=0`)."""
    if os.environ.get("DELTABOOK_WORKERS") == "0":
        return None
    bring_ahead()
    return Pool()


def remembered(key: str, compute: Callable[[], Any]) -> Any:
    """As `kept`, for what is quick: no progress is shown."""
    found = shelf().get(key)
    return shelf().put(key, compute()) if found is None else found


def kept(
    key: str,
    text: str,
    job: Job,
    keep: bool = True,
    long: Callable[[], bool] = lambda: False,
    learn: Callable[[Any], object] | None = None,
    grows: Callable[[Any], object] | None = None,
) -> Any:
    """A job's result by its key, computed at most once per server while it is among the last `KEPT`; always unless `keep`.

    Args:
        text: what is said meanwhile. long: says, where it is computed, whether it is expected to take seconds. learn: is given a result that was computed. grows: is given the result as far as it has come,
            whenever it has come further.
    """
    found = shelf().get(key) if keep else None
    if found is not None:
        return found
    if keep:  # What is computed in any case is asked for by a click, perhaps several at once.
        _said_if_cancelled(key)

    def then(found: Any) -> None:
        if learn is not None:
            learn(found)
        if keep:
            shelf().put(key, found)

    stops = key if keep else None
    offices, name, who = pool(), key if keep else f"{key} {uuid.uuid4()}", _who()
    if offices is None:
        with Running(text, key=stops) as running:
            found = _here(job, running)
        then(found)
        return found
    ticket = offices.ask(name, job.sent(), who, long=long(), then=then)
    try:
        if not ticket.wait(UNSEEN):
            with Running(text, key=stops) as running:
                drawn = None
                while not ticket.wait(BETWEEN):
                    running(*ticket.at) if ticket.begun else running.waits()
                    if grows is not None and ticket.so_far is not drawn:
                        grows(drawn := ticket.so_far)
        return ticket.get()
    except Cancelled:  # By another session: this one asked for it too late to be heard.
        st.info(ENDED_EARLY, icon=":material/stop_circle:")
        st.stop()
    finally:
        offices.leave(name, who)


def _here(job: Job, running: Running) -> Any:
    """Compute in this thread, when it is its turn."""
    run = bring("engine.computing.jobs").run
    while not _TURN.acquire(timeout=BETWEEN):
        running.waits()
    try:
        return run(job, running)
    finally:
        _TURN.release()
