"""Runs: all that were trained, their curves over one another, and how to take a model away."""

from typing import Any

import streamlit as st

from app.notebook.pins import drawn, show
from app.panels import live, run_list
from app.shell.layout import errors_in_a_box, plain, said_if_it_fails
from app.shell.navigation import link
from engine.runs import queue, tensorboard
from engine.runs.run import ACTIVE, UNDER_WAY, Run, last_lines
from engine.runs.store import Store


@st.dialog("Delete this run?")
def confirm(run: Run) -> None:
    """Ask before a run's row, figures and files are deleted."""
    st.markdown(f"**{plain(run.title)}** ({plain(run.id)}): its model, curves and log are deleted. There is no undo.")
    with st.container(horizontal=True):
        really = st.button("Delete", type="primary", key="really")
        if st.button("Keep it", key="not-really"):
            st.rerun()
    if really:
        with errors_in_a_box():
            Store().delete(run.id)
        st.rerun()


def _drawing() -> dict[str, Any]:
    """How curves are drawn: smoothing and axis."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        smoothing = st.slider(
            "Smoothing", 0.0, 0.99, 0.0, 0.01, key="smoothing", bind="query-params", width=260,
            help="Share that each point keeps of the moving average before it; 0: as logged.",
        )  # fmt: skip
        log = st.toggle(
            "Powers of ten upwards", key="log", bind="query-params", help="Only where all values are above 0."
        )
        together = st.toggle(
            "One pointer for all", key="together", bind="query-params",
            help="All figures one below another: what lies under the pointer is read in each of them.",
        )  # fmt: skip
    return {name: value for name, value in (("smoothing", smoothing), ("log", log), ("together", together)) if value}


def details(run: Run, chosen: bool) -> None:
    """One run: how it stands, how to load it, its settings and log; if it was `chosen`, the way to delete it."""
    live.run_card(run, "detail", drawn=True)
    if run.status == "completed":
        st.markdown("Load the model:")
        st.code(live.loading_code(run), language="python")
    settings, log = st.columns(2)
    with settings.expander("Settings, machine and results"):
        st.json({**run.config, **run.info, **run.metrics}, expanded=True)
    with log.expander("Log"):
        st.code(last_lines(run.log_file, 40, 8000) or "Nothing was printed.", language=None)
    if chosen and run.status not in ACTIVE and st.button("Delete …", key="delete", icon=":material/delete:"):
        confirm(run)


def page() -> None:
    """Draw everything on the Runs page below its heading."""
    queue.glance()
    if not Store().count():
        st.info("There are no runs yet. Start one on Train, or with `python -m engine train`.")
        link("train", "Open Train")
        st.stop()

    refreshing = bool(Store().of(*UNDER_WAY))

    @st.fragment(run_every=2.0 if refreshing else None)
    def board() -> None:
        """The list and what is chosen; drawn again by itself while something trains."""
        with errors_in_a_box():
            queue.glance()  # Also what notices that a process is gone.
            runs = Store().all()
            # The last one was deleted while this part was about to be drawn again; or nothing trains any more: it is then
            # drawn again no longer, which would pull an open dialog away.
            if not runs or (refreshing and not any(run.status in UNDER_WAY for run in runs)):
                st.rerun()
            chosen = run_list.page(runs)
            if not chosen:
                return
            if len({run.config["dataset"] for run in chosen}) > 1:
                st.info(
                    "These runs are of different data: their losses and metrics cannot be compared.",
                    icon=":material/dataset:",
                )
            found = live.curve_figures(chosen, "compare", **_drawing())
            st.download_button(
                "TensorBoard", said_if_it_fails(lambda: tensorboard.zipped(chosen)), "deltabook-runs.zip", "application/zip",
                key="tensorboard", on_click="ignore", icon=":material/download:", type="tertiary",
                help="The curves and settings of the chosen runs as TensorBoard's logs, a folder per run.",
            )  # fmt: skip
            if len(chosen) > 1 and not drawn(found, "differences").table().empty:
                st.header("What differs", anchor=False)
                show(found, "differences", "differences")
            metrics = [run.metrics["main_metric"] for run in chosen if run.metrics.get("main_metric")]
            if len(metrics) > 1 and len(set(metrics)) == 1:
                show(found, "results", "results")
            if len(chosen) == 1:
                details(chosen[0], chosen[0].id in st.query_params.get_all("runs"))

    board()
