"""How runs are shown: state in words, progress, curves. Reads the database only."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st

from app.notebook.pins import show
from app.shell import state
from app.shell.layout import in_columns, plain
from app.views.curves import logged
from engine.data.marks import said_of
from engine.runs.config import is_pretraining
from engine.runs.run import ACTIVE, RESUMABLE, UNDER_WAY, Run
from engine.runs.store import Store

ICONS = {
    "queued": ":material/schedule:",
    "starting": ":material/hourglass_top:",
    "running": ":material/play_circle:",
    "completed": ":material/check_circle:",
    "cancelled": ":material/cancel:",
    "crashed": ":material/error:",
    "failed": ":material/error:",
}


def duration(seconds: float) -> str:
    """Seconds for people: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def score(run: Run) -> str:
    """The main metric of a finished run in words, "" if it has none."""
    name = run.metrics.get("main_metric")
    return f"{name} {run.metrics[name]:.3f}" if name else ""


def status_line(run: Run, curves: dict[str, list[tuple[int, float]]]) -> str:
    """One line on how a run stands."""
    parts = [run.status]
    if run.max_steps:
        parts.append(f"step {run.step} of {run.max_steps}")
    speed = [value for _, value in curves.get("steps_per_second", [])[-10:]]
    if speed and run.status == "running":
        rate = sum(speed) / len(speed)
        parts.append(f"{rate:.2f} steps/s")
        if run.max_steps and rate:
            parts.append(f"about {duration((run.max_steps - run.step) / rate)} left")
        if used := curves.get("memory_mb"):
            parts.append(f"{used[-1][1] / 1024:.1f} GB of memory")
    elif run.seconds:
        parts.append(f"trained for {duration(run.seconds)}")
    if run.cancel and run.status in ACTIVE:
        parts.append("stops after this step or evaluation")
    if score(run):
        parts.append(score(run))
    return " · ".join(parts)


def curve_figures(runs: list[Run], key: str, together: bool = False, **options: Any) -> state.Finding:
    """Loss, validation metric, ‖δ‖ and learning rate of one or several runs over one another.

    `together`: as one figure, under one pointer; `options`: of the view.
    """
    found = state.analyse("curves", None, "", keep=False, runs=[run.id for run in runs])
    if together:
        show(found, "curves", f"{key}-all", **options)
        return found
    for column, name in in_columns(logged(found.result), 3):
        with column:
            show(found, "curve", f"{key}-{name}", figure=name, **options)
    return found


def run_actions(run: Run, place: Any, key: str) -> None:
    """Cancel or resume, whichever applies."""
    from engine.runs import queue

    if run.status in UNDER_WAY and place.button("Cancel", key=f"{key}-cancel-{run.id}", disabled=run.cancel):
        queue.cancel(run.id)
        st.rerun(scope="fragment")
    if run.status in RESUMABLE and place.button("Resume", key=f"{key}-resume-{run.id}"):
        queue.resume(run.id)
        st.rerun(scope="fragment")
    if "--halve-batch" in run.message and place.button(
        "Halve the batch",
        key=f"{key}-halve-{run.id}",
        help="Half the batch, twice the accumulation: as many sentences per step.",
    ):
        queue.resume(run.id, halve_batch=True)
        st.rerun(scope="fragment")


def run_card(run: Run, key: str, drawn: bool = False) -> None:
    """One run: title, state, progress, what went wrong, live curves while it trains (unless the page has `drawn` them)."""
    curves = Store().figures(run.id)
    with st.container(border=True):
        words, action = st.columns([6, 1], vertical_alignment="center")
        words.markdown(
            f"{ICONS[run.status]} **{plain(run.marked_title)}** · {plain(run.id)}  \n{plain(status_line(run, curves))}"
        )
        run_actions(run, action, key)
        if run.status in UNDER_WAY:
            share = run.step / run.max_steps if run.max_steps else 0.0
            st.progress(min(1.0, share), text="waiting for its turn" if run.status == "queued" else None)
        if run.doubt:
            st.warning(said_of(run.doubt))
        if run.message:
            st.warning(plain(run.message))
        if run.status in ACTIVE and not drawn:
            curve_figures([run], f"{key}-{run.id}")


def loading_code(run: Run) -> str:
    """Code that loads a finished run's model, or the encoder of a pre-training run."""
    folder = repr(str(Path(run.model_folder)))
    kind = "AutoModel" if is_pretraining(run.config["method"]) else "AutoModelForSequenceClassification"
    with suppress(OSError, ValueError, KeyError, IndexError):
        named = json.loads((run.model_folder / "config.json").read_text(encoding="utf-8"))["architectures"][0]
        kind = "AutoModelForTokenClassification" if named.endswith("ForTokenClassification") else kind
    return (
        f"from transformers import {kind}, AutoTokenizer\n"
        f"model = {kind}.from_pretrained({folder})\n"
        f"tokenizer = AutoTokenizer.from_pretrained({folder})"
    )
