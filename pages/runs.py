"""Runs: all that were trained, their curves over one another, and how to take a model away."""

import streamlit as st

from app.layout import errors_in_a_box, heading, plain
from app.navigation import link

heading(
    "Runs",
    "All runs, from this app and from the command line. Choose some to lay their curves over one another and to"
    " compare what they reached; choose one to load its model, resume or delete it.",
)

from app import figures, live  # noqa: E402
from engine.runs import queue  # noqa: E402
from engine.runs.store import ACTIVE, Run, Store, last_lines  # noqa: E402


@st.dialog("Delete this run?")
def confirm(run: Run) -> None:
    """Ask before a run's row, figures and files are deleted."""
    st.markdown(f"**{plain(run.title)}** ({plain(run.id)}): its model, curves and log are deleted. There is no undo.")
    if st.button("Delete", type="primary", key="really"):
        Store().delete(run.id)
        st.rerun()


def table(runs: list[Run]) -> list[Run]:
    """The list of runs; returns those chosen (the newest one if none is)."""
    rows = [
        {
            "name": run.title,
            "method": run.config["method"],
            "data set": run.config["dataset"].rsplit("/", 1)[-1],
            "model": run.config["model"].rsplit("/", 1)[-1],
            "status": run.status,
            "progress": run.step / run.max_steps if run.max_steps else 0.0,
            "result": live.score(run),
            "time": live.duration(run.seconds),
            "run": run.id,
        }
        for run in runs
    ]
    chosen = st.dataframe(
        rows,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key="table",
        column_config={"progress": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="percent")},
    )
    places = chosen.selection.rows if chosen is not None else []
    return [runs[place] for place in places if place < len(runs)] or runs[:1]


def labels(runs: list[Run]) -> dict[str, Run]:
    """A different name for each run, the id added where two have the same."""
    titles = [run.title for run in runs]
    return {run.title if titles.count(run.title) == 1 else f"{run.title} ({run.id[-6:]})": run for run in runs}


def details(run: Run) -> None:
    """One run: how it stands, how to load it, its settings and log, actions."""
    live.run_card(run, "detail")
    if run.status == "completed":
        st.markdown("Load the model:")
        st.code(live.loading_code(run), language="python")
    settings, log = st.columns(2)
    with settings.expander("Settings and machine"):
        st.json({**run.config, **run.info}, expanded=True)
    with log.expander("Log"):
        st.code(last_lines(run.log_file, 40, 8000) or "Nothing was printed.", language=None)
    if run.status not in ACTIVE and st.button("Delete …", key="delete", icon=":material/delete:"):
        confirm(run)


with errors_in_a_box():
    queue.advance()
    everything = Store().all()
    if not everything:
        st.info("There are no runs yet. Start one on Train, or with `python -m engine train`.")
        link("train", "Open Train")
        st.stop()

    @st.fragment(run_every=2.0 if any(run.status in ("queued", *ACTIVE) for run in everything) else None)
    def board() -> None:
        """The list and what is chosen; drawn again by itself while something trains."""
        runs = Store().all()
        if not runs:  # The last one was deleted while this part was about to be drawn again.
            st.rerun()
        chosen = labels(table(runs))
        curves = {name: Store().figures(run.id) for name, run in chosen.items()}
        live.curve_figures(curves, "compare")
        results = {
            name: run.metrics[run.metrics["main_metric"]]
            for name, run in chosen.items()
            if run.metrics.get("main_metric")
        }
        metrics = {run.metrics["main_metric"] for run in chosen.values() if run.metrics.get("main_metric")}
        if len(results) > 1 and len(metrics) == 1:
            st.plotly_chart(figures.bars({"result": results}, "run", f"validation {metrics.pop()}"), key="results")
        if len(chosen) == 1:
            details(next(iter(chosen.values())))

    board()
