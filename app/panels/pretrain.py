"""The part of a page that starts a pre-training run and shows it live."""

import streamlit as st

from app import widgets
from app.panels import live
from app.widgets import uploads
from engine.data.builtin import TASKS
from engine.model_names import BUILTIN
from engine.runs import queue
from engine.runs.build import check
from engine.runs.config import TrainConfig, recipe
from engine.runs.run import UNDER_WAY
from engine.runs.store import Store


def form(method: str, dataset: str, model: str) -> None:
    """Settings of an objective and of the run, the button, and what trains now."""
    objective = recipe(method)
    schemas = TrainConfig.schema()
    schemas["max_steps"] = {**schemas["max_steps"], "default": 300}
    schemas["learning_rate"] = {**schemas["learning_rate"], "default": 3e-4}
    what, how, which = st.columns(3)
    with what:
        st.header("What", anchor=False)
        names = list(BUILTIN)
        chosen = st.selectbox(
            "Encoder", names, index=names.index(model), accept_new_options=True, key="pre-model", bind="query-params",
            help="Built in, or type a folder with safetensors weights, or a hub name.",
        )  # fmt: skip
        data = [*TASKS, *uploads.uploaded()]
        text = st.selectbox(
            "Text", data, index=data.index(dataset), accept_new_options=True, key="pre-dataset", bind="query-params",
            format_func=uploads.short_name, help="A data set's sentences, or a .txt file with one text per line.",
        )  # fmt: skip
        name = st.text_input("Name of the run (optional)", max_chars=80, key="pre-name")
    with widgets.to_start() as wrong:
        with how:
            st.header("How", anchor=False)
            values = widgets.settings(schemas, "pre-run", ["max_steps", "batch_size", "learning_rate", "seed"])
        with which:
            st.header(objective.title, anchor=False)
            settings = widgets.settings(objective.Settings.schema(), f"pre-{method}")
    if (
        st.button("Start pre-training", type="primary", icon=":material/play_arrow:", disabled=bool(wrong))
        and not wrong
    ):
        config = TrainConfig.build(
            {**values, "method": method, "dataset": text or "", "model": chosen or "", "name": name,
             "method_settings": settings}
        )  # fmt: skip
        with st.spinner("Checking the text and the model …"):
            check(config)
        run = queue.submit(config)
        st.toast(f"{run.title}: {run.status}")
    board(method)


@st.fragment(run_every=2.0)
def board(method: str) -> None:
    """Runs of this objective that train or wait, and the last that ended with how to use it."""
    queue.glance()
    runs = [run for run in Store().all() if run.config["method"] == method]
    busy = [run for run in runs if run.status in UNDER_WAY]
    for run in busy:
        live.run_card(run, "pre-now")
    for run in [run for run in runs if run not in busy][:2]:
        live.run_card(run, "pre-ended")
        if run.status == "completed":
            st.caption("Its encoder, ready for `AutoModel` and for the Model field on Train:")
            st.code(str(run.model_folder), language=None)
