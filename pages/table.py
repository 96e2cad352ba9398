"""TextAT table: the perturbation that each token gathered over the training."""

import streamlit as st

from app.layout import errors_in_a_box, heading, plain
from app.navigation import link

heading(
    "TextAT table",
    "TextAT keeps one perturbation per vocabulary entry, Z[w], which gathers over the whole training: its large rows are"
    " the tokens that the adversary leans on. It can be watched while the run trains.",
    r"\eta_0^i\leftarrow Z[w_i],\qquad Z[w_i]\leftarrow\eta_K^i,\qquad Z\in\mathbb{R}^{V\times D}",
)

from app import table_views, widgets  # noqa: E402
from engine.runs.run import ACTIVE  # noqa: E402
from engine.runs.store import Store  # noqa: E402

with errors_in_a_box():
    runs = {run.id: run for run in Store().all() if run.config["method"] == "textat"}
    if not runs:
        st.info(
            "There is no TextAT run yet. Start one on Train with the method TextAT (150 steps of the built-in data take a"
            " few minutes); the table appears at its first evaluation."
        )
        link("train", "Open Train")
        st.stop()
    with st.sidebar:
        run = widgets.run_choice(list(runs.values()), "A TextAT run, ended or still training.")
        top = st.slider("Rows", 5, 50, 20, 5, key="top", bind="query-params", help="How many of the largest rows.")
    st.caption(f"Run {plain(run.id)}: {run.status}, step {run.step} of {run.max_steps or '?'}.")

    @st.fragment(run_every=3.0 if run.status in ACTIVE else None)
    def live_part() -> None:
        """What changes while it trains."""
        with errors_in_a_box():
            table_views.rows_and_growth(Store().get(run.id), top)

    live_part()
    table_views.spaces(run)
