"""One current sentence, model, method, radius and data set: a page that looks at models begins where the last one was.

Only what a person has changed is carried; it stands in the new page's address, like everything that a widget holds.
"""

from typing import Any

import streamlit as st

PAGES = ("classroom", "perturb", "microscope", "landscape", "attribution", "smoothness", "projector")
_PAGE, _ARRIVED, _KEPT = "carrying-page", "carrying-arrived", "carried"


def arrive(page: str) -> None:
    """At the beginning of every run of a page."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_ARRIVED] = set()
    st.session_state[_PAGE] = page


def bring(name: str, key: str) -> None:
    """Before a widget whose key stands in the address: what was chosen on the page before, unless the address says otherwise.

    What an earlier visit of the page, or another method's turn, left in the widget is no longer current.
    """
    arrived = st.session_state.setdefault(_ARRIVED, set())
    fresh = key not in arrived or key not in st.session_state
    arrived.add(key)
    if st.session_state.get(_PAGE) not in PAGES or not fresh or key in st.query_params:
        return
    if name in (kept := st.session_state.get(_KEPT, {})):
        st.query_params[key] = kept[name]
        st.rerun()  # Streamlit takes a widget's first value from the address as it was when the run began.
    st.session_state.pop(key, None)


def keep(name: str, value: Any, usual: Any) -> None:
    """After a widget: what it holds, for the pages to come; nothing where that is what the page has anyway."""
    if st.session_state.get(_PAGE) not in PAGES:
        return
    kept = st.session_state.setdefault(_KEPT, {})
    if value in (usual, None, "", []):
        kept.pop(name, None)
    else:
        kept[name] = [str(each) for each in value] if isinstance(value, list) else str(value)


def take_up(**values: str) -> None:
    """Make something the current one from elsewhere than its widget: a sentence that was clicked in a figure."""
    kept = st.session_state.setdefault(_KEPT, {})
    kept.update({name: value for name, value in values.items() if value})
    for name in [name for name, value in values.items() if not value]:
        kept.pop(name, None)
