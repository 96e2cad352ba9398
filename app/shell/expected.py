"""How long a page's computation is expected to take (see `engine.computing.estimates`)."""

from typing import Any

from engine.computing.job import Job


def _size(subject: Any) -> int:
    """How many parameters a subject has; the built-in encoder's where it is no model."""
    from engine.computing.estimates import SIZE

    module = getattr(subject, "model", None) or getattr(subject, "module", None)
    return SIZE if module is None else sum(each.numel() for each in module.parameters())


def expected(job: Job) -> float | None:
    """The seconds that a job is expected to take."""
    from engine.catalogue import analysis_of
    from engine.computing.estimates import estimate

    return estimate(analysis_of(job.analysis), job.values, _size(job.subject))


def takes_long(job: Job) -> bool:
    """Whether a job goes to the process of what takes long; where nothing is known, a sample of data does."""
    from engine.computing.estimates import LONG

    wait = expected(job)
    return "limit" in job.values if wait is None else wait >= LONG


def learn_from(job: Job, found: tuple[Any, float]) -> None:
    """Remember how long it took; `found`: the result, and the seconds."""
    from engine.catalogue import analysis_of
    from engine.computing.estimates import learn

    learn(analysis_of(job.analysis), job.values, found[1], _size(job.subject))
