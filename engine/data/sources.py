"""Where data sets come from: built in, a file or folder, the hub."""

import tempfile
from pathlib import Path

from engine.data.builtin import TASKS, load_builtin
from engine.data.files import SUFFIXES, load_file
from engine.data.tasks import Task, TaskData
from engine.errors import UserError


def builtin_tasks() -> list[Task]:
    """The built-in data sets."""
    return list(TASKS.values())


def load_dataset(name: str) -> TaskData:
    """A data set by built-in name, path (file or folder in GLUE's layout) or hub name.

    Raises:
        UserError: none such, or it cannot be read; says what is allowed.

    """
    if name in TASKS:
        return load_builtin(name)
    path = Path(name).expanduser()
    try:
        exists = path.exists()
    except (OSError, ValueError):  # A name too long, or with a NUL.
        exists = False
    if exists:
        return load_file(path)
    if path.suffix.lower() in SUFFIXES or name.startswith((".", "/", "~")):
        raise UserError(f"There is no file {name[:200]}.")
    return _load_hub(name)


def _load_hub(name: str) -> TaskData:
    """A data set of the hub (`owner/name` or `owner/name:config`), read through the same column rules as files."""
    import re

    unknown = UserError(
        f"Unknown data set {name[:80]!r}. Allowed: {', '.join(TASKS)}; a path to a file"
        f" ({', '.join(SUFFIXES)}) or folder; or a hub name (owner/name), which needs a network."
    )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", name):
        raise unknown
    import datasets

    datasets.disable_progress_bars()
    identifier, _, config = name.partition(":")
    try:
        loaded = datasets.load_dataset(identifier, config or None)
    except Exception as problem:  # The hub client raises many kinds; all mean that it is not to be had.
        raise UserError(f"{unknown} ({type(problem).__name__})") from None
    with tempfile.TemporaryDirectory() as folder:
        for split, table in loaded.items():
            stem = "validation" if split.startswith("validation") else split
            target = Path(folder) / f"{stem}.parquet"
            if stem in ("train", "validation", "test") and not target.exists():
                table.to_parquet(str(target))
        return load_file(Path(folder))
