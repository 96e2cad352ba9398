"""What all pages share: the heading, plain text, errors in a box."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app.escaping import plain as plain


def heading(title: str, what: str, equation: str | None = None) -> None:
    """A page's title, two sentences on what is to be seen, and its equation."""
    st.title(title)
    st.markdown(what)
    if equation:
        st.latex(equation)


@contextmanager
def errors_in_a_box() -> Iterator[None]:
    """Show what a person can mend in a box, and stop the page there."""
    from engine.errors import UserError

    try:
        yield
    except UserError as problem:
        st.error(plain(str(problem)), icon=":material/error:")
        st.stop()
