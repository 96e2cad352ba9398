"""Perturb's view of a data set: its examples, and where a model is right on them."""

from typing import Any

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.shell import state
from app.shell.layout import plain


def page() -> None:
    """A data set's examples, sortable; one of them opens the first view."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice()
    widgets.about(classifier, of, "examples")
    st.markdown(
        "Click a row to look at that sentence. **margin**: the label's logit minus the largest other logit; **flip ε**:"
        " the smallest ε of a grid at which PGD (3 steps) changes the prediction; **ℓₛ**: SMART's divergence at"
        " ε = 0.1."
    )
    found = state.analyse("examples", classifier, "Examples", **of)
    chosen = show(found, "table", "examples", {"on_select": "rerun", "selection_mode": "single-row"})
    rows = chosen.selection.rows if chosen is not None else []
    if rows:
        row = found.result.table.iloc[rows[0]]
        st.session_state["next"] = {"text": row["text"], "pair": row.get("text_pair", "") or ""}
        st.button("Look at this sentence", on_click=_open_chosen, type="primary", icon=":material/tune:")

    _slices(classifier, of)


def _slices(classifier: Any, of: dict[str, Any]) -> None:
    """Where the model is right on the data, and where not."""
    if classifier.is_regression:
        return
    st.header("Where is it right, and where not?", anchor=False)
    contains = st.text_input(
        "Words that make a slice of their own", key="contains", bind="query-params", placeholder="not, never",
        help="With commas between: texts with one of them, and those without, are two slices.",
    )  # fmt: skip
    found = state.analyse("slices", classifier, "Slices", contains=contains, **of)
    if missing := found.result.said_of_missing():
        st.info(plain(missing))
    left, right = st.columns([2, 1])
    with left:
        show(found, "accuracy", "slices")
    with right:
        show(found, "confusion", "confusion")
    st.caption(
        "Bars: accuracy with its exact 95 % interval; short slices say little. Length: thirds of the sample, in words."
    )


def _open_chosen() -> None:
    for key, value in st.session_state.pop("next", {}).items():
        st.session_state[key] = value
    st.session_state["view"] = "One method"
