"""Train: launch a fine-tune and watch it."""

from typing import Any

import streamlit as st

from app import widgets
from app.panels import live
from app.shell.layout import errors_in_a_box, plain
from app.shell.navigation import link
from app.widgets import uploads
from engine.data.builtin import TASKS
from engine.runs import queue
from engine.runs.build import check
from engine.runs.config import TrainConfig
from engine.runs.estimates import Times
from engine.runs.run import FINISHED, UNDER_WAY
from engine.runs.store import Store

OFTEN = ["max_steps", "batch_size", "learning_rate", "seed"]
RARE = [
    "epochs",
    "warmup_share",
    "weight_decay",
    "train_limit",
    "max_gradient_norm",
    "gradient_accumulation",
    "max_length",
    "evaluations",
    "checkpoints",
    "keep_models",
    "precision",
    "lora",
    "gradient_checkpointing",
    "compile",
]


def page() -> None:
    """Draw everything on the Train page below its heading."""
    schemas = TrainConfig.schema()
    schemas["max_steps"] = {**schemas["max_steps"], "default": 150}
    top = st.container()  # Filled below: what is started and how far it is belongs into the first screen.
    what, how, method_column = st.columns(3)
    with what:
        st.header("What", anchor=False)
        model = widgets.encoder_choice()
        uploads.take_new("dataset")
        dataset = st.selectbox(
            "Data set", [*TASKS, *uploads.uploaded()], accept_new_options=True, key="dataset", bind="query-params",
            format_func=uploads.short_name, help="Built in, uploaded below, or type a path or a hub name.",
        )  # fmt: skip
        if dataset in TASKS:
            st.caption(f"{TASKS[dataset].description} {TASKS[dataset].source}.")
        uploads.upload_box()
        name = st.text_input("Name of the run (optional)", max_chars=80, key="name")
    with widgets.to_start() as wrong:
        with how:
            st.header("How", anchor=False)
            values = widgets.settings(schemas, "run", OFTEN)
            with st.expander("More settings"):
                values |= widgets.settings(schemas, "run", RARE)
        with method_column:
            st.header("Method", anchor=False)
            method = widgets.method_choice(default="freelb")
            st.caption(f"{method.summary} {method.reference}.")
            settings = widgets.method_settings(method, "train")
    st.latex(method.equation)
    asked = {
        **values,
        "method": method.name,
        "dataset": dataset or "",
        "model": model,
        "name": name,
        "method_settings": settings.as_dict(),
    }
    with top:
        _start(asked, method(settings).floor / 3, wrong)
        now()
    ended()
    link("runs", "All runs")


def _start(asked: dict[str, Any], cost: float, wrong: list[str]) -> None:
    """The button that starts it, and what it is expected to cost. `cost`: of a batch, in vanilla's; `wrong`: with the settings."""
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Start training", type="primary", icon=":material/play_arrow:", disabled=bool(wrong))
        if wrong:
            st.markdown(f"Cannot start with these settings: {plain(' '.join(wrong))}")
            return
        seconds = Times(Store().latest("completed", most=100)).expected(asked)
        time = "" if seconds is None else f" About **{live.duration(seconds)}**, by the last runs on this machine."
        st.markdown(f"A batch costs at least {cost:.2f} times what it costs without perturbations.{time}")
    if pressed:
        config = TrainConfig.build(asked)
        with st.spinner("Checking the data and the model …"):
            said = check(config)
        run = queue.submit(config)
        st.toast(f"{run.title}: {run.status}")
        st.info(plain(" ".join(said)), icon=":material/dataset:")


@st.fragment(run_every=1.0)
def now() -> None:
    """Runs that train or wait."""
    with errors_in_a_box():
        queue.glance()
        busy = Store().of(*UNDER_WAY)
        for run in busy:
            live.run_card(run, "now")
        if not busy:
            st.caption("Nothing is training.")


@st.fragment(run_every=3.0)
def ended() -> None:
    """The last runs that ended."""
    with errors_in_a_box():
        found = Store().latest(*FINISHED, most=3)
        if found:
            st.header("Just ended", anchor=False)
        for run in found:
            live.run_card(run, "ended")
