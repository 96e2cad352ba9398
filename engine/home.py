"""Where things are kept: runs under `DELTABOOK_HOME`, what can be made again under `DELTABOOK_CACHE`."""

import os
from pathlib import Path

from engine.errors import UserError


def _folder(variable: str, default: Path) -> Path:
    path = Path(os.environ.get(variable) or default).expanduser().absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(
            f"{variable} ({path}) cannot be used: {problem.strerror}. Set it to a writable folder."
        ) from None
    return path


def home() -> Path:
    """Folder of runs and their database; default `~/.local/share/deltabook`."""
    return _folder("DELTABOOK_HOME", Path.home() / ".local" / "share" / "deltabook")


def cache() -> Path:
    """Folder of fetched data and of the ready-made classifier; default `~/.cache/deltabook`. Safe to delete."""
    return _folder("DELTABOOK_CACHE", Path.home() / ".cache" / "deltabook")
