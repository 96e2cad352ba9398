"""Any analysis by its name, with plain values: so it can be kept, linked to and run again."""

from typing import Any

from engine.analysis import ANALYSES, Analysis
from engine.errors import UserError
from engine.progress import Progress


def analysis_of(name: str) -> Analysis:
    """An analysis by its name.

    Raises:
        UserError: there is none of that name.
    """
    return ANALYSES.get(name)


def load(name: str, reference: str = "", progress: Progress = None) -> Any:
    """The subject of an analysis by its reference (see `references.load_subject`)."""
    from engine.subjects.references import load_subject

    return load_subject(analysis_of(name).kind, reference, progress)


def analyse(name: str, subject: Any = None, progress: Progress = None, /, **values: Any) -> Any:
    """Run an analysis by its name.

    Args:
        name: of the analysis.
        subject: what is looked at, as `load` gives it.
        progress: called with (done, total).
        values: its settings, plain values only (text, numbers, lists, dicts).

    Raises:
        UserError: unknown name or setting, a subject that it cannot be made of, or what the analysis itself refuses.
    """
    found = analysis_of(name)
    try:
        asked = found.Settings.checked(values)
    except UserError as problem:
        raise UserError(f"{name}: {problem}") from None
    if why := found.refuses(subject):
        raise UserError(why)
    return found.run(subject, asked, progress)
