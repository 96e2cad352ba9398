"""The ledger of the Compare page."""

import streamlit as st

from app.notebook.pins import show
from app.shell import state
from app.shell.layout import plain
from engine.studies import studies, training
from engine.studies.results import LEAST_SEEDS


def page() -> None:
    """The papers' claims beside what was measured here, and a verdict on each."""
    st.markdown(
        "What the papers' tables say a method gains over its baseline, and what it gained over vanilla **here**: the largest comparison"
        " among your completed runs that differ in the method alone, seed by seed."
    )
    found = state.analyse("ledger", None, "", keep=False)
    st.markdown(f"**{plain(found.result.verdict())}**")
    show(found, "gains", "ledger-gains")
    with_data = sum(bool(each.data) for each in found.result.entries)
    st.caption(
        f"Drawn: the {with_data} of {len(found.result.entries)} claims whose kind of data is here; the table has all."
        " Bars: 95 % bootstrap intervals of the mean over the seeds. *seen*: an exact sign-flip test finds a gain (p < 0.05); *opposite*: a"
        f" loss; *not seen*: neither; with fewer than {LEAST_SEEDS} common seeds nothing can be tested. The papers' models, data and"
        " budgets are larger: a stand-in says little of their tasks."
    )
    chosen = show(found, "table", "ledger-table", {"on_select": "rerun", "selection_mode": "single-row"})
    rows = chosen.selection.rows if chosen is not None else []
    entry = found.result.entries[rows[0]] if rows else None
    if entry is None or entry.study is None:
        st.caption("Choose a row to measure its claim (again): the study is then declared on *Studies*.")
        return
    if st.button(
        f"Measure {entry.claim.row} on {entry.study['datasets'][0]} with ten seeds", icon=":material/play_arrow:"
    ):
        study = studies.study_from(entry.study)
        path = studies.save_study(study, replace=True)
        training.advance(studies.cells(study), study.name, restart=True)
        st.info(f"Its runs are in the queue: see *Studies*, {plain(path.stem)}.")
