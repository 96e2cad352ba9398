"""Doing what was asked for, in the process that computes it: it brings torch and the models."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from engine import catalogue
from engine.computing.job import Found, Job
from engine.errors import UserError
from engine.paths import exists
from engine.progress import Progress
from engine.runs.run import RUN
from engine.subjects import remarks
from engine.subjects.classifier import Classifier
from engine.subjects.references import fingerprint

MODELS = 3  # That a process keeps in memory.
_held: OrderedDict[tuple[str, str], Any] = OrderedDict()


def run(job: Job, progress: Progress = None) -> Any:
    """Do a job here.

    Raises:
        UserError: what the analysis refuses, or that the subject is no longer what it was.
    """
    subject = job.subject
    if subject is None and catalogue.analysis_of(job.analysis).kind != "nothing":
        subject = _subject(job, progress)
    return JOBS[job.what](subject, job, progress)


def _subject(job: Job, progress: Progress) -> Any:
    """The job's subject; models stay in memory while they are among the last `MODELS`."""
    kind = catalogue.analysis_of(job.analysis).kind
    key = (kind, job.reference)
    found = _held.pop(key, None)
    if found is None or fingerprint(found) != (job.fingerprint or _now(job.reference, found)):
        found = catalogue.load(job.analysis, job.reference, progress)
        # A run's status changes at any time.
        if job.fingerprint and kind != "run" and fingerprint(found) != job.fingerprint:
            raise UserError("The model has changed since this page was drawn: reload the page.")
    _held[key] = found
    while len(_held) > MODELS:
        _held.popitem(last=False)
    return found


def _now(reference: str, held: Any) -> str:
    """The fingerprint that a model in memory must have to be what its reference is now; "" where only loading it would tell."""
    return "" if reference.startswith(RUN) or exists(reference) else fingerprint(held)


def _find(subject: Any, job: Job, progress: Progress) -> Found:
    result, seconds = _analyse(subject, job, progress)
    said = remarks.remarks(subject, job.values) if isinstance(subject, Classifier) else []
    return Found(result, seconds, fingerprint(subject), said)


def _analyse(subject: Any, job: Job, progress: Progress) -> tuple[Any, float]:
    """The result, and the seconds that it took."""
    began = time.perf_counter()
    found = catalogue.analyse(job.analysis, subject, progress, **job.values)
    return found, time.perf_counter() - began


def _remarks(subject: Any, job: Job, _: Progress) -> list[str]:
    return remarks.remarks(subject, job.values)


def _mark(subject: Any, job: Job, _: Progress) -> str:
    return remarks.mark_on(subject, **job.values)


def _load(subject: Any, job: Job, _: Progress) -> str:
    """Only that the subject is there, which may have to be made first."""
    return fingerprint(subject)


JOBS: dict[str, Callable[[Any, Job, Progress], Any]] = {
    "analyse": _analyse,
    "find": _find,
    "remarks": _remarks,
    "mark": _mark,
    "load": _load,
}
