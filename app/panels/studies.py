"""The studies of the Compare page: declare one, watch it, read and take away its table."""

from typing import Any

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.panels.live import duration
from app.shell import state
from app.shell.layout import errors_in_a_box, plain
from app.widgets import uploads
from engine.data.builtin import TASKS
from engine.errors import UserError
from engine.methods import METHODS
from engine.model_names import BUILTIN
from engine.runs.config import TrainConfig
from engine.runs.run import ACTIVE, UNDER_WAY, Run
from engine.studies import results, studies, training


def page() -> None:
    """The form, and the study that is looked at."""
    saved = studies.saved_studies()
    with st.expander("Declare a study", expanded=not saved):
        _form()
    if not saved:
        st.info(
            "There is no study yet. Declare one above, or run one from a file: `python -m engine study FILE`. Once its runs have ended, its"
            " table stands here, and *Attack every model* draws accuracy and robustness against what they cost."
        )
        return
    chosen = st.selectbox("Study", list(saved), key="study", bind="query-params")
    _board(studies.read_study(saved[chosen]))


def _form() -> None:
    schemas = TrainConfig.schema()
    schemas["max_steps"] = {**schemas["max_steps"], "default": 150}
    what, how, sweep = st.columns(3)
    with what:
        name = st.text_input("Name", "my study", max_chars=80, key="study-name")
        methods = st.multiselect("Methods", METHODS.names(), ["vanilla", "freelb"], key="study-methods")
        data = st.multiselect(
            "Data sets", [*TASKS, *uploads.uploaded()], ["movie-sentiment"], key="study-datasets",
            format_func=uploads.short_name, accept_new_options=True,
        )  # fmt: skip
        models = st.multiselect("Models", list(BUILTIN), ["minilm"], key="study-models", accept_new_options=True)
    with how:
        seeds = int(
            st.number_input(
                "Seeds", 1, 100, 3, key="study-seeds",
                help=f"Seeds 0, 1, …; a claim against vanilla needs at least {results.LEAST_SEEDS}.",
            )
        )  # fmt: skip
        budget = st.number_input(
            "Budget in forward passes (empty: as many steps for all)", 1.0, 1e9, None, 100.0, key="study-budget",
            help="Of a minibatch; a step of vanilla takes 3, one of FreeLB with K = 3 takes 9: every method trains as long as it may.",
        )  # fmt: skip
        values = {
            name: widgets.setting(name, schemas[name], f"study-{name}", linked_to_address=False)
            for name in ("max_steps", "batch_size", "learning_rate")
            if not (name == "max_steps" and budget)
        }
    with sweep:
        of = st.selectbox("Sweep a setting of", ["none", *methods], key="study-sweep-of")
        settings: dict[str, dict[str, Any]] = {}
        if of != "none":
            field = st.selectbox("Setting", _settings_of(of), key="study-sweep")
            given = st.text_input("Values, separated by commas", "0.1, 0.3, 1", key="study-sweep-values")
            settings = {of: {field: [value.strip() for value in given.split(",") if value.strip()]}}
    declared = {
        "name": name.strip() or "study", "methods": methods, "datasets": data, "models": models, "seeds": list(range(seeds)),
        "run": values, "settings": settings, "budget": budget,
    }  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Start the study", type="primary", icon=":material/play_arrow:")
        st.markdown(_cost_of(declared))
    if pressed:
        study = studies.study_from(declared)
        wanted = studies.cells(study)
        with st.spinner("Checking the data and the models …"):
            training.check_inputs(wanted)
        path = studies.save_study(study)
        training.advance(wanted, study.name, restart=True)
        st.query_params["study"] = path.stem
        st.session_state.pop("study", None)
        st.rerun()


def _cost_of(declared: dict[str, Any]) -> str:
    """How many runs a study has, how many of them are there already, and how long the rest is expected to take."""
    try:
        wanted = studies.cells(studies.study_from(declared))
    except UserError:  # Said when it is started.
        return ""
    runs = training.runs_of(wanted)
    done = training.progress_of(wanted, runs)["completed"]
    said = f"**{len(wanted)}** runs" + (f", {done} of them there already" if done else "")
    return said + _time(training.expected_left(wanted, runs))


def _time(seconds: float | None) -> str:
    return f"; about **{duration(seconds)}** one after another, by the last runs on this machine." if seconds else "."


def _settings_of(method: str) -> list[str]:
    """The settings of a method that can be swept."""
    from engine.methods import get_method

    return list(get_method(method).Settings.names())


def _board(study: studies.Study) -> None:
    wanted = studies.cells(study)
    runs = training.runs_of(wanted)
    going = any(run.status in UNDER_WAY for run in runs.values())

    @st.fragment(run_every=2.0 if going else None)
    def live() -> None:
        with errors_in_a_box():
            _progress()

    def _under_way(there: dict[str, Run]) -> None:
        for run in there.values():
            if run.status in ACTIVE:
                share = min(1.0, run.step / run.max_steps) if run.max_steps else 0.0
                st.progress(share, text=plain(f"{run.title}: step {run.step} of {run.max_steps or '…'}"))

    def _progress() -> None:
        there = training.advance(wanted, study.name) if going else training.runs_of(wanted)
        progress = training.progress_of(wanted, there)
        words = ", ".join(f"{count} {name}" for name, count in progress.items() if count)
        with st.container(horizontal=True, vertical_alignment="center"):
            left = training.expected_left(wanted, there) if going else None
            time = f"; about {duration(left)} more" if left else ""
            st.progress(progress["completed"] / len(wanted), text=f"{len(wanted)} runs: {words}{time}")
            stopping = any(run.cancel and run.status in UNDER_WAY for run in there.values())
            if going and st.button(
                "Stopping …" if stopping else "Cancel", key="study-cancel", disabled=stopping, icon=":material/stop_circle:",
                help="Ends the runs that train after their present step, and those that wait; Go on continues them.",
            ):  # fmt: skip
                training.cancel(there)
                st.rerun()
        if going:
            _under_way(there)
        if going and not progress["active"] + progress["queued"]:
            st.rerun()
        if not going and progress["completed"] < len(wanted) and st.button("Go on", icon=":material/play_arrow:"):
            training.advance(wanted, study.name, restart=True)
            st.rerun()
        _results(study)

    live()
    if not going and any(run.status == "completed" for run in runs.values()):
        _costs(study)


def _results(study: studies.Study) -> None:
    found = state.analyse("study", None, "", keep=False, definition=study.model_dump())
    rows = found.result.rows
    if not rows:
        st.caption("The table appears when the first run has ended.")
        return
    show(found, "table", "study-table")
    st.caption(
        "Median (lowest to highest; n seeds), ★ the best of a column, where no other is as good and nothing has collapsed. Against vanilla: exact sign-flip test over common seeds;"
        f" with fewer than {results.LEAST_SEEDS} seeds it can show nothing, so nothing is claimed and no best one named."
    )
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        if len(study.datasets) > 1:
            st.markdown(f"**{plain(uploads.short_name(dataset))}**")
        show(found, "scores", f"scores-{dataset}", dataset=dataset)
    for setting in dict.fromkeys(name for row in rows for name in row["swept"]):
        show(found, "sweep", f"sweep-{setting}", setting=setting)
    with st.container(horizontal=True):
        for title, make, suffix in (
            ("CSV", results.as_csv, "csv"),
            ("LaTeX", results.as_latex, "tex"),
            ("Markdown", results.as_markdown, "md"),
        ):
            st.download_button(
                title, make(rows), f"{study.name}.{suffix}", key=f"study-{suffix}", icon=":material/download:",
                on_click="ignore",
            )  # fmt: skip


def _costs(study: studies.Study) -> None:
    """Cost against accuracy; every model is attacked when that is asked for."""
    st.header("What accuracy and robustness cost", anchor=False)
    if not st.toggle(
        "Attack every model", key="study-attack", bind="query-params", help="Some seconds for each of them."
    ):
        return
    with st.sidebar:
        how = widgets.asked("pareto", "attack", "epsilon", "steps", "limit")
    there = training.runs_of(studies.cells(study)).values()
    done = sorted(run.id for run in there if run.status == "completed")
    found = state.analyse("pareto", None, "Attacking every model", definition=study.model_dump(), runs=done, **how)
    for dataset in dict.fromkeys(point.dataset for point in found.result.points):
        clean, robust = st.columns(2)
        with clean:
            show(found, "picture", f"pareto-clean-{dataset}", dataset=dataset)
        with robust:
            show(found, "picture", f"pareto-robust-{dataset}", dataset=dataset, robust=True)
    st.caption(
        "Forward passes: what a run costs at least, whatever the machine (a step of vanilla: 3). Bars: lowest to highest over the seeds."
        " The dotted line joins those that no other beats in both."
    )
    show(found, "table", "pareto-table")
