"""What is loaded once per server and shared by all sessions, and what analyses find."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st

from app.drawing.escaping import plain
from app.shell.expected import expected, learn_from, takes_long
from app.shell.imports import bring
from app.shell.keeping import Running, ask_first, kept, remembered, shelf
from engine.computing.job import Job


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


def electra(run: str | None) -> Any:
    """Generator and discriminator of a run, or the ready-made pair, which is made first, if a person wants it; loaded once per server."""
    from engine.subjects.pair import SECONDS, is_ready

    if run is None and not is_ready():
        key = "ready-made pair"
        ask_first([key], SECONDS, "The ready-made pair is pre-trained on this machine, once.")
        kept(key, "Pre-training the ready-made pair, once", Job("load", "detect", "", "", {}), long=lambda: True)
    return _electra(run)


@st.cache_resource(max_entries=4, show_spinner=False)
def _electra(run: str | None) -> Any:
    from engine.subjects.pair import load_electra

    with Running("Loading the pair") as report:
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


def reference_of(subject: Any) -> str:
    """How to get a subject again: a model's reference, a run's id, "" for nothing."""
    return str(getattr(subject, "reference", None) or getattr(subject, "id", ""))


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


@dataclass(frozen=True)
class _Plan:
    """What an analysis of one or several subjects will compute: by the name shown."""

    subjects: dict[str, Any]
    fingerprints: dict[str, str]
    keys: dict[str, str]
    jobs: "dict[str, Job]"
    key: str

    def missing(self) -> float:
        """Seconds that what is not kept yet is expected to take; 0 where nothing is known."""
        return sum(expected(job) or 0.0 for name, job in self.jobs.items() if shelf().get(self.keys[name]) is None)


def _plan(analysis: str, subject: Any, values: dict[str, Any]) -> _Plan:
    from engine.subjects.references import fingerprint

    named = subject if isinstance(subject, dict) else {"": subject}
    prints = {name: fingerprint(each) for name, each in named.items()}
    others, changed = _others(values), _changed(values)
    keys = {name: json.dumps([analysis, own, changed, others, values], sort_keys=True) for name, own in prints.items()}
    jobs = {
        name: Job("analyse", analysis, reference_of(each), prints[name], values, each) for name, each in named.items()
    }
    return _Plan(named, prints, keys, jobs, json.dumps(list(keys.values())))


def ask_for_all(*wanted: tuple[str, Any, dict[str, Any]]) -> None:
    """Where the analyses of a page take long together, ask once for all of them, in the place of one after another.

    Args:
        wanted: the analysis, its subject or subjects, its values, as they will be given to `analyse`.
    """
    plans = [_plan(*each) for each in wanted]
    ask_first([plan.key for plan in plans], sum(plan.missing() for plan in plans))


def analyse(
    analysis: str,
    subject: Any = None,
    words: str = "Computing",
    grows: Callable[[dict[str, Any]], object] | None = None,
    /,
    keep: bool = True,
    **values: Any,
) -> Finding:
    """An analysis of the catalogue; results are kept by the subject's fingerprint and all settings.

    Args:
        subject: a classifier, pair or run, None where the analysis needs none, or a dict of them by names for people.
        words: what is said while it computes; "": nothing, for what is quick and always computed. grows: is given the results by name as far as they have
            come. keep: False computes it in any
            case and does not keep it.
    """
    run = bring("engine.computing.jobs").run
    from engine.subjects.classifier import Classifier

    plan = _plan(analysis, subject, values)
    if keep and words:
        ask_first([plan.key], plan.missing())
    results, seconds = {}, 0.0
    for place, (name, job) in enumerate(plan.jobs.items(), 1):
        if words:
            several = f", model {place} of {len(plan.jobs)}" if len(plan.jobs) > 1 else ""
            said = f"{words}{f': {plain(name)}' if name else ''}{several}"
            grow = None if grows is None else partial(_grown, grows, results, name)
            how = partial(takes_long, job), partial(learn_from, job), grow
            results[name], took = kept(plan.keys[name], said, job, keep, *how)
        else:
            results[name], took = run(job)
        seconds += took
    subjects = {name: reference_of(each) for name, each in plan.subjects.items()}
    looked_at = [each for each in plan.subjects.values() if isinstance(each, Classifier)]
    said_of = list(dict.fromkeys(each for one in looked_at for each in remarks(one, values)))
    return Finding(analysis, subjects, values, results, plan.fingerprints, seconds, plan.key, keep, said_of)


def _grown(grows: Callable[[dict[str, Any]], object], results: dict[str, Any], name: str, found: Any) -> None:
    """Tell of the results that there are, and of one more as far as it has come."""
    grows({**results, name: found})


def remarks(classifier: Any, values: dict[str, Any]) -> list[str]:
    """What a person must know of a model and the settings of an analysis (see `engine.subjects.remarks`)."""
    from engine.subjects.remarks import remarks as said

    wanted: dict[str, Any] = {
        name: values[name] for name in ("text", "text_pair", "label", "dataset", "split", "limit") if name in values
    }
    if wanted.get("text"):  # Then no model is asked.
        key = json.dumps(["remarks", classifier.fingerprint, classifier.mark, wanted], sort_keys=True)
        found: list[str] = remembered(key, lambda: said(classifier, wanted))
        return found
    return list(_said("remarks", classifier, wanted))


def mark_on(classifier: Any, dataset: str, limit: int | None) -> str:
    """Why a model says nothing of these examples, "" if it does (see `engine.subjects.remarks`)."""
    return str(_said("mark", classifier, {"dataset": dataset, "limit": limit}))


def _said(what: str, classifier: Any, values: dict[str, Any]) -> Any:
    key = json.dumps([what, classifier.fingerprint, classifier.mark, _changed(values), values], sort_keys=True)
    job = Job(what, "trace", reference_of(classifier), classifier.fingerprint, values, classifier)
    return kept(key, "Looking at the model's predictions", job)


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
