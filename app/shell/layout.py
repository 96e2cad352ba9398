"""What all pages share: the heading, plain text, errors in a box."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import streamlit as st

from app.drawing.escaping import plain as plain
from app.shell.address import said_if_unknown

Item = TypeVar("Item")
_DRAWN = "view that is drawn"


def heading(title: str, what: str, equation: str | None = None) -> None:
    """A page's title, two sentences on what is to be seen, and its equation."""
    st.title(title)
    st.markdown(what)
    if equation:
        st.latex(equation)


def view_choice(views: Sequence[str]) -> str:
    """Choose one of a page's views, at first the first."""
    said_if_unknown("view", views)
    chosen = st.segmented_control(
        "View", views, default=views[0], key="view", required=True, bind="query-params", label_visibility="collapsed"
    )
    chosen = str(chosen or views[0])
    if (
        st.session_state.get(_DRAWN, chosen) != chosen
    ):  # Else what the last view showed stays below the bar while this one computes.
        st.html("<style>[data-stale='true'] { display: none }</style>")
    st.session_state[_DRAWN] = chosen
    return chosen


def in_columns(items: Sequence[Item], width: int) -> Iterator[tuple[Any, Item]]:
    """Each item with the column that it goes into, `width` of them side by side, row by row."""
    for start in range(0, len(items), width):
        yield from zip(st.columns(width), items[start : start + width], strict=False)


@contextmanager
def errors_in_a_box() -> Iterator[None]:
    """Show what a person can mend in a box, and stop the page there."""
    from engine.errors import UserError

    try:
        yield
    except UserError as problem:
        st.error(plain(str(problem)), icon=":material/error:")
        st.stop()


def said_if_it_fails(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """For a download button whose file is made when it is pressed: what goes wrong is said to the person."""
    from engine.errors import UserError

    def made() -> bytes:
        try:
            return make()
        except UserError as problem:
            st.toast(plain(str(problem)), icon=":material/error:")
            raise

    return made
