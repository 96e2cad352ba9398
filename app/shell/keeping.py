"""Results that are computed once per server and kept, with progress and a way to cancel while they are computed."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

# torch's random state is one per process: analyses that draw from it take turns.
_TURN = threading.RLock()
KEPT = 256


class Running:
    """A bar that says how far it is and for how long still, and goes away at the end.

    Args:
        step_text: in the place of `text` once there are reports. key: of what is computed, if a person may cancel it: a click
            draws the page anew, which ends this computation at its next report.
    """

    def __init__(self, text: str, step_text: str | None = None, key: str | None = None) -> None:
        self.place, self.text, self.step_text, self.key = st.empty(), text, step_text or text, key
        self.began = time.monotonic()

    def __enter__(self) -> Callable[[int, int], None]:
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
        return self._report

    def _report(self, done: int, of: int) -> None:
        if not of:
            self.bar.progress(0.0, text=f"{self.text}: waiting for another computation …")
            self.began = time.monotonic()
            return
        share, passed = min(1.0, done / of), time.monotonic() - self.began
        left = passed / share - passed if share else 0.0
        more = f", about {left:.0f} s more" if left >= 2 and passed >= 1 else ""
        self.bar.progress(share, text=f"{self.step_text}: {done:,} of {of:,}{more}")

    def __exit__(self, *_: object) -> None:
        self.place.empty()


_CANCELLED = "cancelled"


def _cancel(key: str) -> None:
    st.session_state[_CANCELLED] = key


def _said_if_cancelled(key: str) -> None:
    """End the page here if a person has cancelled this computation and not asked for it again."""
    if st.session_state.get(_CANCELLED) != key:
        return
    st.info("Cancelled: nothing was computed.", icon=":material/stop_circle:")
    st.button("Compute it after all", on_click=lambda: st.session_state.pop(_CANCELLED, None))
    st.stop()


@contextmanager
def _turn(report: Callable[[int, int], None]) -> Iterator[None]:
    """Wait until no other computation runs, and say so; the wait can be cancelled as the computation can."""
    while not _TURN.acquire(timeout=0.5):
        report(0, 0)
    try:
        yield
    finally:
        _TURN.release()


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


def remembered(key: str, compute: Callable[[], Any]) -> Any:
    """As `kept`, for what is quick: no progress is shown."""
    found = shelf().get(key)
    return shelf().put(key, compute()) if found is None else found


def kept(key: str, text: str, compute: Callable[[Callable[[int, int], None]], Any], keep: bool = True) -> Any:
    """A result by its key, computed at most once per server while it is among the last `KEPT`; always unless `keep`.

    Args:
        text: what is said meanwhile; "": nothing, for what is quick and always computed.
    """
    if not text:
        return compute(lambda *_: None)
    found = shelf().get(key) if keep else None
    if found is None:
        if keep:  # What is computed in any case is asked for by a click, perhaps several at once.
            _said_if_cancelled(key)
        with Running(text, key=key if keep else None) as report, _turn(report):
            found = shelf().get(key) if keep else None  # Another session may have computed it meanwhile.
            if found is None:
                found = compute(report)
                if keep:
                    shelf().put(key, found)
    return found
