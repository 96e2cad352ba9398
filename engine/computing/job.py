"""What can be computed in another process: a name and plain values go there, a result comes back. Without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Job:
    """One of `jobs.JOBS` with what it is given.

    Attributes:
        reference: of the subject (see `subjects.references.load_subject`). fingerprint: that it must have; "": as it is now.
        values: the settings of the analysis, or what a remark is about.
        subject: the thing itself, where the job is not done elsewhere; it is not sent.
    """

    what: str
    analysis: str
    reference: str
    fingerprint: str
    values: Mapping[str, Any]
    subject: Any = None

    def sent(self) -> "Job":
        """As it goes to another process."""
        return replace(self, subject=None)


@dataclass(frozen=True)
class Found:
    """A result with all that is kept beside it: the seconds that it took, its subject's fingerprint, remarks (see `subjects.remarks`)."""

    result: Any
    seconds: float
    fingerprint: str
    remarks: list[str]
