"""Where things are kept: runs under `DELTABOOK_HOME`, what can be made again under `DELTABOOK_CACHE`."""

import os
import stat
from pathlib import Path

from engine.errors import UserError
from engine.paths import path_of

DATABASE = "runs.sqlite"  # In the home folder.


def _folder(variable: str, default: Path, private: bool = False) -> Path:
    path = path_of(os.environ.get(variable) or default).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if private and (path / DATABASE).exists():
            facts = path.stat()  # Not a folder that all use, such as /tmp.
            if (
                facts.st_mode & 0o077
                and not facts.st_mode & stat.S_ISVTX
                and facts.st_uid == os.stat(path / DATABASE).st_uid
            ):
                path.chmod(0o700)  # Texts, notes and models are nobody else's.
    except OSError as problem:
        raise UserError(
            f"{variable} ({path}) cannot be used: {problem.strerror}. Set it to a writable folder."
        ) from None
    return path


def home() -> Path:
    """Folder of runs and their database, for its owner alone (0700); default `~/.local/share/deltabook`."""
    return _folder("DELTABOOK_HOME", Path.home() / ".local" / "share" / "deltabook", private=True)


def cache() -> Path:
    """Folder of fetched data and of the ready-made classifier; default `~/.cache/deltabook`. Safe to delete."""
    return _folder("DELTABOOK_CACHE", Path.home() / ".cache" / "deltabook")
