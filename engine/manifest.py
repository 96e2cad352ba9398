"""What a folder of files held when it was whole: their sizes and digests, written last. So a damaged checkpoint is known."""

import hashlib
import json
import os
from pathlib import Path

MANIFEST = "manifest.json"


def write(folder: Path) -> None:
    """Note size and SHA-256 of every file in the folder; the note itself is on the disk when this returns."""
    (folder / MANIFEST).unlink(missing_ok=True)
    found = {}
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        found[file.relative_to(folder).as_posix()] = {"size": file.stat().st_size, "sha256": _digest(file)}
    partial = folder / f"{MANIFEST}.partial"
    with partial.open("w", encoding="utf-8") as opened:
        json.dump(found, opened)
        opened.flush()
        os.fsync(opened.fileno())
    partial.replace(folder / MANIFEST)
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def damage(folder: Path, *, sizes_only: bool = False) -> str:
    """What is wrong with a folder, in words that follow its name; "" if it is as it was written.

    Args:
        sizes_only: do not read the files (a quick look).
    """
    try:
        noted = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, facts in noted.items():
            file = folder / name
            if not file.is_file():
                return f"{name} is missing"
            if (size := file.stat().st_size) != facts["size"]:
                return f"{name} has {size:,} bytes instead of {facts['size']:,}"
            if not sizes_only and _digest(file) != facts["sha256"]:
                return f"{name} is not what was written"
    except FileNotFoundError:
        return "it was not written to its end"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        return f"its manifest cannot be read ({type(problem).__name__})"
    return ""


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
