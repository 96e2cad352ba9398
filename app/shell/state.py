"""What is loaded once per server and shared by all sessions, and results that are kept."""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

# torch's random state is one per process: analyses that draw from it take turns.
_TURN = threading.RLock()
KEPT = 256


@st.cache_resource(max_entries=6, show_spinner=False)
def _classifier(model: str | None, run: str | None, version: str) -> Any:
    from engine.subjects.classifier import load_classifier

    with _progress("Loading the model", "Fine-tuning the ready-made classifier, once") as report:
        return load_classifier(model, run, report)


def _version(run: str | None) -> str:
    """Changes when a run has a newer model than the one that was loaded."""
    if run is None or "@" in run:
        return ""
    from engine.runs.store import Store

    record = Store().find(run)
    return "model" if record.model_folder.exists() else str(record.last_checkpoint)


def classifier(model: str | None, run: str | None) -> Any:
    """The classifier of a model or run; loaded once per server."""
    return _classifier(model, run, _version(run))


@st.cache_resource(max_entries=4, show_spinner=False)
def electra(run: str | None) -> Any:
    """Generator and discriminator of a run, or the ready-made pair; loaded once per server."""
    from engine.subjects.pair import load_electra

    with _progress("Loading the pair", "Pre-training the ready-made pair, once") as report:
        return load_electra(run, report)


class _progress:
    """A bar that says how far it is and for how long still, and goes away at the end.

    Args:
        step_text: in the place of `text` once there are reports. key: of what is computed, if a person may cancel it: a click
            draws the page anew, which ends this computation at its next report.
    """

    def __init__(self, text: str, step_text: str | None = None, key: str | None = None) -> None:
        self.place, self.text, self.step_text, self.key = st.empty(), text, step_text or text, key
        self.began = time.monotonic()

    def __enter__(self) -> Callable[[int, int], None]:
        with self.place.container(horizontal=True, vertical_alignment="center"):
            self.bar = st.progress(0.0, text=f"{self.text} …")
            if self.key is not None:
                st.button(
                    "Cancel",
                    key=f"cancel {self.key}",
                    on_click=_cancel,
                    args=(self.key,),
                    icon=":material/stop_circle:",
                )
        return self._report

    def _report(self, done: int, of: int) -> None:
        share, passed = min(1.0, done / of), time.monotonic() - self.began
        left = passed / share - passed if share else 0.0
        more = f", about {left:.0f} s more" if left >= 2 and passed >= 1 else ""
        self.bar.progress(share, text=f"{self.step_text}: {done:,} of {of:,}{more}")

    def __exit__(self, *_: object) -> None:
        self.place.empty()


_CANCELLED = "cancelled"


def _cancel(key: str) -> None:
    st.session_state[_CANCELLED] = key


def _said_if_cancelled(key: str) -> None:
    """End the page here if a person has cancelled this computation and not asked for it again."""
    if st.session_state.get(_CANCELLED) != key:
        return
    st.info("Cancelled: nothing was computed.", icon=":material/stop_circle:")
    st.button("Compute it after all", on_click=lambda: st.session_state.pop(_CANCELLED, None))
    st.stop()


class _Shelf:
    """The last `KEPT` results, shared by all sessions (their threads)."""

    def __init__(self) -> None:
        self.held: OrderedDict[str, Any] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: str) -> Any:
        """The result, or None."""
        with self.lock:
            if key in self.held:
                self.held.move_to_end(key)
            return self.held.get(key)

    def put(self, key: str, result: Any) -> Any:
        """Keep a result; returns it."""
        with self.lock:
            self.held[key] = result
            while len(self.held) > KEPT:
                self.held.popitem(last=False)
        return result


@st.cache_resource(show_spinner=False)
def shelf() -> _Shelf:
    """One for the server."""
    return _Shelf()


def remembered(key: str, compute: Callable[[], Any]) -> Any:
    """As `kept`, for what is quick: no progress is shown."""
    found = shelf().get(key)
    return shelf().put(key, compute()) if found is None else found


def _changed(values: dict[str, Any]) -> float:
    """When the data file of an analysis was last changed; 0 for data that do not."""
    from engine.data.sources import reading_of
    from engine.paths import exists, path_of

    name = reading_of(str(values.get("dataset", "")))[0]
    return path_of(name).stat().st_mtime if exists(name) else 0.0


def _others(values: dict[str, Any]) -> list[str]:
    """Fingerprints of further models that an analysis is asked about by their references."""
    references = [*values.get("models", ()), values.get("transfer_from") or ""]
    return [subject("word attack", each).fingerprint for each in references if each]


def kept(key: str, text: str, compute: Callable[[Callable[[int, int], None]], Any], keep: bool = True) -> Any:
    """A result by its key, computed at most once per server while it is among the last `KEPT`; always unless `keep`.

    Args:
        text: what is said meanwhile; "": nothing, for what is quick and always computed.
    """
    if not text:
        return compute(lambda *_: None)
    found = shelf().get(key) if keep else None
    if found is None:
        if keep:  # What is computed in any case is asked for by a click, perhaps several at once.
            _said_if_cancelled(key)
        with _progress(text, key=key if keep else None) as report, _TURN:
            found = shelf().get(key) if keep else None  # Another session may have computed it meanwhile.
            if found is None:
                found = compute(report)
                if keep:
                    shelf().put(key, found)
    return found


@dataclass(frozen=True)
class Finding:
    """Results of one analysis of one or several subjects, with all that is needed to show, keep and find them again.

    Attributes:
        subjects: name shown → reference; values: the analysis's settings; results, fingerprints: by name shown.
        seconds: that all of them took together. key: the same for the same subjects and settings.
    """

    analysis: str
    subjects: dict[str, str]
    values: dict[str, Any]
    results: dict[str, Any]
    fingerprints: dict[str, str]
    seconds: float
    key: str
    keep: bool = True
    remarks: list[str] = field(default_factory=list)

    @property
    def result(self) -> Any:
        """The only one, or the first."""
        return next(iter(self.results.values()))


def analyse(
    analysis: str, subject: Any = None, words: str = "Computing", /, keep: bool = True, **values: Any
) -> Finding:
    """An analysis of the catalogue; results are kept by the subject's fingerprint and all settings.

    Args:
        subject: a classifier, pair or run, None where the analysis needs none, or a dict of them by names for people.
        words: what is said while it computes. keep: False computes it in any case and does not keep it.
    """
    from engine.catalogue import analyse as run
    from engine.subjects.classifier import Classifier
    from engine.subjects.references import fingerprint

    named = subject if isinstance(subject, dict) else {"": subject}
    results, prints, keys, seconds = {}, {}, [], 0.0
    others = _others(values)
    for name, each in named.items():
        prints[name] = fingerprint(each)
        keys.append(json.dumps([analysis, prints[name], _changed(values), others, values], sort_keys=True))

        def timed(report: Any, each: Any = each) -> tuple[Any, float]:
            began = time.perf_counter()
            return run(analysis, each, report, **values), time.perf_counter() - began

        results[name], took = kept(keys[-1], f"{words}{f': {name}' if name else ''}", timed, keep)
        seconds += took
    subjects = {name: getattr(each, "reference", None) or getattr(each, "id", "") for name, each in named.items()}
    looked_at = [each for each in named.values() if isinstance(each, Classifier)]
    said = list(dict.fromkeys(each for one in looked_at for each in remarks(one, values)))
    return Finding(analysis, subjects, values, results, prints, seconds, json.dumps(keys), keep, said)


def remarks(classifier: Any, values: dict[str, Any]) -> list[str]:
    """What a person must know of a model and the settings of an analysis (see `engine.subjects.remarks`)."""
    from engine.subjects.remarks import remarks as found

    wanted = {
        name: values[name] for name in ("text", "text_pair", "label", "dataset", "split", "limit") if name in values
    }
    key = json.dumps(["remarks", classifier.fingerprint, classifier.mark, _changed(wanted), wanted], sort_keys=True)
    said: list[str] = remembered(key, lambda: found(classifier, wanted))
    return said


def subject(analysis: str, reference: str) -> Any:
    """What an analysis looks at, by its reference; models are loaded once per server."""
    from engine.catalogue import analysis_of, load
    from engine.runs.run import RUN

    kind = analysis_of(analysis).kind
    run = reference.removeprefix(RUN) if reference.startswith(RUN) else None
    if kind == "classifier":
        return classifier(None if run else reference or None, run)
    if kind == "pair":
        return electra(run)
    return load(analysis, reference)
