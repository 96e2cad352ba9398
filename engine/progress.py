"""How what takes long says how far it is."""

from collections.abc import Callable
from typing import Any

Progress = Callable[[int, int], None] | None  # Is told (done, of); None where nobody listens.


def told(progress: Progress, done: int, of: int) -> None:
    """Say that `done` of `of` are done, where somebody listens."""
    if progress is not None:
        progress(min(done, of), of)


def so_far(progress: Progress, made: Callable[[], Any]) -> None:
    """Offer the result as far as it has come, where somebody draws it: `made` is called only then."""
    shows = getattr(progress, "so_far", None)
    if shows is not None:
        shows(made)


def part_of(progress: Progress, place: int, count: int) -> Progress:
    """The progress of part number `place` of `count` equal ones: its reports become those of the whole."""
    return lambda done, of: told(progress, place * of + done, count * of)
