"""Paths that people type: `~` and odd characters in plain words, and only regular files of a sensible size are opened."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import UserError


def path_of(name: str | Path) -> Path:
    """A path as typed, with `~` replaced by the home folder.

    Raises:
        UserError: a home folder of nobody, a NUL, text that is no UTF-8, or a name longer than any file's.
    """
    text = str(name)
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UserError(f"{text[:80]!a} is no path: it has characters that no file's name can have.")
    path = Path(os.path.expanduser(text))
    if text.startswith("~") and str(path).startswith("~"):
        raise UserError(f"{text[:80]}: there is no user {path.parts[0][1:][:40]!r} on this machine.")
    try:
        path.exists()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise UserError(f"{text[:80]}… is no path ({reason}).") from None
    return path


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A file beside the target, to be written to; at the end it takes the target's place: another process sees all of it or none."""
    partial = target.with_suffix(f".{os.getpid()}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def exists(name: str | Path) -> bool:
    """Whether something is there; False for what cannot be a path."""
    try:
        return path_of(name).exists()
    except UserError:
        return False


def regular_file(path: Path, what: str, most_bytes: int | None = None, larger: str = "") -> Path:
    """The path, if it is a file that can be read to its end: no folder, device, pipe or socket.

    Args:
        what: what it is, for messages ("The study").
        most_bytes: the largest size allowed. larger: what to do with a larger one, a sentence after a space.

    Raises:
        UserError: it is missing, no regular file, or too large.
    """
    try:
        facts = path.stat()
    except OSError as problem:
        raise UserError(f"{what} {str(path)[:200]} cannot be read: {problem.strerror or problem}.") from None
    if not stat.S_ISREG(facts.st_mode):
        kind = "a folder" if stat.S_ISDIR(facts.st_mode) else "a device, pipe or socket"
        raise UserError(f"{what} {str(path)[:200]} is {kind}, not a file.")
    if most_bytes is not None and facts.st_size > most_bytes:
        raise UserError(
            f"{what} {str(path)[:200]} has {facts.st_size:,} bytes; at most {most_bytes:,} are read.{larger}"
        )
    return path
