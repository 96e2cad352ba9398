"""Shows a view of a finding on a page, with its two buttons: pin it to a notebook, save it as a file."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import pandas as pd
import streamlit as st

from app import widgets
from app.drawing.alternatives import alternative
from app.drawing.shown import Figure, Shown, Strips, Table
from app.notebook.export.files import FORMATS, file_of
from app.shell import state
from app.shell.keeping import remembered
from app.shell.layout import plain, said_if_it_fails
from app.shell.roles import student
from app.views import draw, view_of
from engine.errors import UserError
from engine.notebook.cells import Content, Spec
from engine.notebook.store import Notebooks

FIRST_NAME = "My notebook"
LONG = 60  # Letters.


def render(shown: Shown, key: str, **options: Any) -> Any:
    """Draw it here; returns what was selected in it, if that was asked for."""
    if isinstance(shown, Figure):
        if shown.figure.layout.meta is None:  # Read by `shell/accessible.js`.
            shown.figure.update_layout(meta={"alternative": alternative(shown.figure)})
        return st.plotly_chart(shown.figure, key=key, **options)
    if isinstance(shown, Table):
        long = _long(shown.frame)  # As wide as they are, they would hide the others.
        wide = {name: st.column_config.Column(width="medium" if len(long) > 1 else "large") for name in long}
        return st.dataframe(shown.frame, hide_index=True, key=key, column_config=wide, **options)
    assert isinstance(shown, Strips)
    return widgets.strips(shown, key, **options)


def _long(frame: pd.DataFrame) -> list[str]:
    """The columns of long texts."""
    return [name for name in frame if any(isinstance(each, str) and len(each) > LONG for each in frame[name].head(100))]


def drawn(finding: state.Finding, view: str, **options: Any) -> Shown:
    """The view of a finding; drawn once per server while it is among the last results."""
    found = view_of(finding.analysis, view)
    results = finding.results if found.several else finding.result
    key = json.dumps(["drawn", finding.key, list(finding.subjects), view, options], sort_keys=True)
    if not finding.keep:
        return draw(finding.analysis, view, results, **options)
    return remembered(key, lambda: draw(finding.analysis, view, results, **options))


@contextmanager
def growing(analysis: str, view: str, **options: Any) -> Iterator[Callable[[dict[str, Any]], None]]:
    """For `state.analyse`: draws the results with a view as far as they have come, until the block is left."""
    place: list[Any] = []
    turn = count()

    def draw_so_far(results: dict[str, Any]) -> None:
        if not place:  # Only now: it stands below the bar that says how far it is.
            place.append(st.empty())
        found = results if view_of(analysis, view).several else next(reversed(results.values()))
        with place[0].container():
            st.caption("As far as it has come: it changes until all is computed.")
            render(draw(analysis, view, found, **options), f"so far {analysis} {next(turn)}")

    try:
        yield draw_so_far
    finally:
        for each in place:
            each.empty()


def show(finding: state.Finding, view: str, key: str, draws: dict[str, Any] | None = None, /, **options: Any) -> Any:
    """Show a view with its buttons; returns what was selected in it.

    Args:
        key: of its widgets. draws: passed on to Streamlit (`on_select` …). options: the view's.
    """
    shown = drawn(finding, view, **options)
    with st.container(gap="xxsmall"):
        selected = render(shown, key, **(draws or {}))
        with st.container(horizontal=True, horizontal_alignment="right", gap="xsmall"):
            if not student() and st.button(
                "Pin", key=f"{key}-pin", icon=":material/keep:", type="tertiary",
                help="Keep it in the notebook, with its settings.",
            ):  # fmt: skip
                _pin(finding, view, options, shown)
            if st.button(
                "Save", key=f"{key}-save", icon=":material/download:", type="tertiary",
                help="As a file: SVG, PNG or PDF for a paper, its data as CSV.",
            ):  # fmt: skip
                save_dialog(shown, view_of(finding.analysis, view).title)
            if not isinstance(shown, Table) and st.button(
                "Numbers", key=f"{key}-numbers", icon=":material/table:", type="tertiary",
                help="What it shows, as a table.",
            ):  # fmt: skip
                numbers_dialog(shown, view_of(finding.analysis, view).title)
    return selected


@st.dialog("In numbers", width="large")
def numbers_dialog(shown: Shown, title: str) -> None:
    """What is shown as a table, for those who would rather read it, or have it read to them."""
    st.markdown(plain(title))
    if isinstance(shown, Figure):
        st.caption(plain(shown.figure.layout.meta["alternative"]))  # It has been drawn: see `render`.
    st.dataframe(shown.table(), hide_index=True)


@st.dialog("Save as a file")
def save_dialog(shown: Shown, title: str) -> None:
    """Offer the formats; a file is made when its button is pressed."""
    st.markdown(plain(title))
    stem = "".join(letter if letter.isalnum() else "-" for letter in title.lower())[:40].strip("-")
    with st.container(horizontal=True):
        for name, mime in FORMATS[type(shown).__name__].items():
            st.download_button(
                name.upper(),
                said_if_it_fails(partial(file_of, shown, name)),
                f"{stem}.{name}",
                mime,
                key=f"save-{name}",
                on_click="ignore",
            )
    if not isinstance(shown, Table):
        st.caption("Drawn in the light theme; in SVG and PDF text stays text.")


def current_notebook() -> int:
    """The notebook that pins go to: the one last opened or pinned to, else the last changed, else a new one."""
    notebooks = Notebooks()
    known = [each.id for each in notebooks.all()]
    chosen = st.session_state.get("pins-to")
    if chosen not in known:
        chosen = known[0] if known else notebooks.create(FIRST_NAME).id
    st.session_state["pins-to"] = chosen
    return int(chosen)


def facts_of(finding: state.Finding) -> dict[str, Any]:
    """What is kept beside a result, to tell later whether model or data have changed."""
    from engine.subjects.references import data_fingerprint

    dataset = finding.values.get("dataset")
    return {
        "models": {finding.subjects[name]: print_ for name, print_ in finding.fingerprints.items() if print_},
        "data": data_fingerprint(dataset) if dataset else "",
        "seconds": round(finding.seconds, 3),
        "remarks": finding.remarks,
    }


def spec_of(finding: state.Finding, view: str, options: dict[str, Any], query: dict[str, str]) -> Spec:
    """How to find it again."""
    plain_values = json.loads(json.dumps(finding.values))
    return Spec(
        analysis=finding.analysis,
        view=view,
        subjects=finding.subjects,
        values=plain_values,
        options=json.loads(json.dumps(options)),
        query=query,
    )


def _pin(finding: state.Finding, view: str, options: dict[str, Any], shown: Shown) -> None:
    try:
        notebook = Notebooks().get(current_notebook())
        content = Content(
            spec=spec_of(finding, view, options, st.query_params.to_dict()),
            shown=shown.document(),
            facts=facts_of(finding),
        )
        Notebooks().add(notebook.id, content)
        st.toast(f"Pinned to **{plain(notebook.name)}**.", icon=":material/keep:")
    except UserError as problem:
        st.toast(plain(str(problem)), icon=":material/error:")
