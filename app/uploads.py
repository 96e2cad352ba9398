"""Data files that people upload: checked before they are kept, named by their content, never by their name's path."""

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

import streamlit as st

from app.layout import plain
from engine.data.files import SUFFIXES, load_file
from engine.errors import UserError
from engine.home import home

MOST_BYTES = 50 * 2**20  # As `maxUploadSize` in .streamlit/config.toml, which the browser is told.


def folder() -> Path:
    """Where uploaded files lie."""
    return home() / "uploads"


def uploaded() -> list[str]:
    """Paths of the files uploaded so far."""
    return sorted(str(path) for path in folder().glob("*") if path.suffix in SUFFIXES)


def short_name(dataset: str) -> str:
    """A data set's name as shown: an upload's without its folder."""
    path = Path(dataset)
    return path.name if path.parent == folder() else dataset


def keep(name: str, content: bytes) -> Path:
    """Store an upload if it can be read as a data set; nothing stays behind if not.

    Raises:
        UserError: it cannot be read; says why.
    """
    suffix = Path(name).suffix.lower()
    if len(content) > MOST_BYTES:
        raise UserError(
            f"{name[:80]} has {len(content) >> 20} MB; at most {MOST_BYTES >> 20} MB can be uploaded. Give larger files by path."
        )
    if suffix not in SUFFIXES:
        raise UserError(f"{name[:80]}: files must end in {', '.join(SUFFIXES)}.")
    stem = re.sub(r"[^\w-]+", "-", Path(name).stem)[:40].strip("-") or "data"
    folder().mkdir(exist_ok=True)
    target = folder() / f"{stem}-{hashlib.sha256(content).hexdigest()[:8]}{suffix}"
    if not target.exists():
        # A folder of its own until it is known to be whole and a data set; its name stands in messages.
        with tempfile.TemporaryDirectory(dir=folder()) as scratch:
            partial = Path(scratch) / target.name
            try:
                partial.write_bytes(content)
                load_file(partial)
                partial.replace(target)
            except OSError as problem:
                raise UserError(f"{name[:80]} cannot be kept: {problem.strerror or problem}.") from None
    return target


def upload_box() -> None:
    """Take a file, check it and say what was found."""
    file: Any = st.file_uploader(
        "Upload a data file",
        type=[suffix[1:] for suffix in SUFFIXES],
        help="GLUE's columns: sentence, or sentence1 and sentence2 (or text, question, premise …), and label.",
    )
    if file is None:
        return
    try:
        path = keep(file.name, file.getvalue())
        data = load_file(path)
    except UserError as problem:
        st.error(plain(str(problem)))
        return
    counts = ", ".join(f"{len(table)} {split}" for split, table in data.splits.items())
    if str(path) != st.session_state.get("last-upload"):
        st.session_state["last-upload"] = str(path)
        st.rerun()  # So that it stands in the list of data sets.
    st.success(f"{plain(path.name)}: {data.task.kind}, {counts}. Choose it above.")
