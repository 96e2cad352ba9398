"""What is loaded once per server and shared by all sessions, and what analyses find."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from app.shell.keeping import Running, kept, remembered


@st.cache_resource(max_entries=6, show_spinner=False)
def _classifier(model: str | None, run: str | None, version: str) -> Any:
    from engine.subjects.classifier import load_classifier

    with Running("Loading the model", "Fine-tuning the ready-made classifier, once") as report:
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

    with Running("Loading the pair", "Pre-training the ready-made pair, once") as report:
        return load_electra(run, report)


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
