"""What is loaded once per server and shared by all sessions, and results that are kept."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

# torch's random state is one per process: analyses that draw from it take turns.
_TURN = threading.RLock()
KEPT = 256


@st.cache_resource(max_entries=6, show_spinner=False)
def _classifier(model: str | None, run: str | None, version: str) -> Any:
    from engine.analysis.classifier import load_classifier

    with _progress("Loading the model", "Fine-tuning the ready-made classifier, once") as report:
        return load_classifier(model, run, report)


def _version(run: str | None) -> str:
    """Changes when a run has a newer model than the one that was loaded."""
    if run is None or "@" in run:
        return ""
    from engine.runs.store import Store, last_checkpoint

    record = Store().find(run)
    return "model" if record.model_folder.exists() else str(last_checkpoint(record.folder))


def classifier(model: str | None, run: str | None) -> Any:
    """The classifier of a model or run; loaded once per server."""
    return _classifier(model, run, _version(run))


@st.cache_resource(max_entries=4, show_spinner=False)
def electra(run: str | None) -> Any:
    """Generator and discriminator of a run, or the ready-made pair; loaded once per server."""
    from engine.analysis.detection import load_electra

    with _progress("Loading the pair", "Pre-training the ready-made pair, once") as report:
        return load_electra(run, report)


class _progress:
    """A bar that appears with the first report (or as a line of text at once) and goes away at the end."""

    def __init__(self, text: str, step_text: str | None = None) -> None:
        self.place, self.text, self.step_text = st.empty(), text, step_text or text

    def __enter__(self) -> Callable[[int, int], None]:
        self.place.progress(0.0, text=f"{self.text} …")
        return lambda done, of: (
            self.place.progress(min(1.0, done / of), text=f"{self.step_text}: {done} of {of}") and None
        )

    def __exit__(self, *_: object) -> None:
        self.place.empty()


@st.cache_resource(show_spinner=False)
def _results() -> "OrderedDict[str, Any]":
    return OrderedDict()


def _changed(values: dict[str, Any]) -> float:
    """When the data file of an analysis was last changed; 0 for data that do not."""
    path = Path(str(values.get("dataset", "")))
    return path.stat().st_mtime if path.is_file() else 0.0


def kept(key: str, text: str, compute: Callable[[Callable[[int, int], None]], Any]) -> Any:
    """A result by its key, computed at most once per server while it is among the last `KEPT`."""
    results = _results()
    if key not in results:
        with _progress(text) as report, _TURN:
            if key not in results:
                results[key] = compute(report)
                while len(results) > KEPT:
                    results.popitem(last=False)
    results.move_to_end(key)
    return results[key]


def analyse(name: str, classifier_: Any, words: str = "Computing", /, **values: Any) -> Any:
    """An analysis of the catalogue, kept by the model's fingerprint and all its settings."""
    from engine.analysis.catalogue import analyse as run

    key = json.dumps([name, classifier_.fingerprint, _changed(values), values], sort_keys=True)
    return kept(key, words, lambda report: run(name, classifier_, report, **values))
