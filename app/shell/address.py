"""What an address asks for that its page does not give: said, never silently dropped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from app.drawing.escaping import plain

READ_BY_PAGES = ("runs", "study", "lesson", "present", "step", "token")  # Without a widget of that name.
_ASKED = "address-asked"


@contextmanager
def address_is_answered() -> Iterator[None]:
    """Around a page: says at its end which parameters of the address it does not know, and which numbers it did not take.

    Streamlit puts a widget's first value in the place of one out of its bounds. Numbers are looked at when a page is opened;
    after that the address follows the widgets.
    """
    asked = _asked()
    place = st.container()  # Above the page, where it is seen.
    yield
    unknown = [name for name in st.query_params if name not in (*st.session_state, *READ_BY_PAGES)]
    said = [f"The address names {plain(', '.join(unknown))}, which this view does not have."] if unknown else []
    for name, value in (asked or {}).items():
        taken = st.session_state.get(name)
        if isinstance(taken, int | float) and not isinstance(taken, bool) and not _same(value, taken):
            said.append(
                f"The address asks for {plain(f'{name}={value[:40]}')}, which is not allowed: it is {taken:g} here."
            )
    st.session_state[_ASKED] = None
    if said:
        place.warning(" ".join(said), icon=":material/link_off:")


def _same(text: str, number: float) -> bool:
    try:
        return float(text) == number
    except ValueError:
        return False


def said_if_unknown(key: str, allowed: Sequence[str]) -> bool:
    """Whether the address that the page was opened with names an option that a choice does not have, which is said."""
    given = (_asked() or {}).get(key)
    if given is None or given in allowed:
        return False
    what = key.rpartition("-")[2].replace("_", " ")
    st.warning(f"The address names {plain(given[:60])}: there is no such {what}.", icon=":material/link_off:")
    return True


def _asked() -> dict[str, str] | None:
    """The address that the page was opened with; None once the page has been drawn to its end."""
    asked: dict[str, str] | None = st.session_state.setdefault(_ASKED, st.query_params.to_dict())
    return asked
