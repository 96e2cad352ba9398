"""What all pages share: the heading, plain text, errors in a box."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


def heading(title: str, what: str, equation: str | None = None) -> None:
    """A page's title, two sentences on what is to be seen, and its equation."""
    st.title(title)
    st.markdown(what)
    if equation:
        st.latex(equation)


def plain(text: str) -> str:
    """Text of a user's or a data set's as Markdown that shows it as it is (no links, images, formulas, HTML)."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|~:$<>&])", r"\\\1", text)
    return escaped.replace("\n", " ")


@contextmanager
def errors_in_a_box() -> Iterator[None]:
    """Show what a person can mend in a box, and stop the page there."""
    from engine.errors import UserError

    try:
        yield
    except UserError as problem:
        st.error(plain(str(problem)), icon=":material/error:")
        st.stop()
