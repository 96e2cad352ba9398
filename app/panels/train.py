"""Train: launch a fine-tune and watch it."""

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
from engine.runs.run import ACTIVE
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
    cost = method(settings).floor / 3
    st.caption(f"A batch costs at least {cost:.2f} times what it costs without perturbations.")

    if st.button("Start training", type="primary", icon=":material/play_arrow:"):
        config = TrainConfig.build(
            {
                **values,
                "method": method.name,
                "dataset": dataset or "",
                "model": model,
                "name": name,
                "method_settings": settings.as_dict(),
            }
        )
        with st.spinner("Checking the data and the model …"):
            said = check(config)
        run = queue.submit(config)
        st.toast(f"{run.title}: {run.status}")
        st.info(plain(" ".join(said)), icon=":material/dataset:")
    board()
    link("runs", "All runs")


@st.fragment(run_every=1.0)
def board() -> None:
    """Runs that train or wait, and the last that ended."""
    with errors_in_a_box():
        queue.glance()
        runs = Store().all()
        busy = [run for run in runs if run.status in ("queued", *ACTIVE)]
        st.header("Now", anchor=False)
        if not busy:
            st.caption(
                "Nothing is training. Start something above: 150 steps of FreeLB take a few minutes on a laptop."
            )
        for run in sorted(busy, key=lambda run: run.created):
            live.run_card(run, "now")
        ended = [run for run in runs if run not in busy][:3]
        if ended:
            st.header("Just ended", anchor=False)
        for run in ended:
            live.run_card(run, "ended")
