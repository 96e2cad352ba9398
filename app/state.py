"""What is loaded once per server and shared by all sessions, and results that are kept."""

import threading
from typing import Any

import streamlit as st

# torch's random state is one per process: analyses that draw from it take turns.
_TURN = threading.Lock()


@st.cache_resource(max_entries=4, show_spinner=False)
def _classifier(model: str | None, run: str | None) -> Any:
    from engine.analysis.classifier import load_classifier

    bar = st.progress(0.0, text="Loading the model …")

    def report(step: int, steps: int) -> None:
        bar.progress(step / steps, text=f"Fine-tuning the ready-made classifier, once: step {step} of {steps}")

    try:
        return load_classifier(model, run, report)
    finally:
        bar.empty()


def classifier(model: str | None, run: str | None) -> Any:
    """The classifier of a model or run; loaded once per server."""
    return _classifier(model, run)


@st.cache_data(max_entries=256, show_spinner="Climbing …")
def trace(
    _classifier: Any,
    fingerprint: str,
    method: str,
    settings: dict[str, Any],
    text: str,
    text_pair: str | None,
    label: str | None,
    seed: int,
) -> Any:
    """A trace of one text, kept by all that it depends on."""
    from engine.analysis.trace import trace as follow
    from engine.methods import get_method

    method_class = get_method(method)
    made = method_class(
        method_class.Settings.parse(settings), special_token_ids=_classifier.tokenizer.all_special_ids, seed=seed
    )
    with _TURN:
        return follow(_classifier, made, text, text_pair, label, seed=seed)
