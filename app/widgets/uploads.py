"""Data files that people upload: checked before they are kept, named by their content, never by their name's path."""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from app.shell.layout import plain
from engine.data.apart import Examined, examine
from engine.data.columns import KINDS, Reading
from engine.data.files import ENDINGS
from engine.data.sources import with_reading
from engine.errors import UserError
from engine.home import home

MOST_BYTES = 50 * 2**20  # As `maxUploadSize` in .streamlit/config.toml, which the browser is told.


def folder() -> Path:
    """Where uploaded files lie."""
    return home() / "uploads"


def uploaded() -> list[str]:
    """The files uploaded so far, as data sets: their paths, with how they are to be read where a person said it."""
    return sorted(with_reading(str(path), _said(path)) for path in folder().glob("*") if path.suffix in ENDINGS)


def _said(path: Path) -> Reading:
    try:
        return Reading(**json.loads(_note(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Reading()


def _note(path: Path) -> Path:
    """The file that says how an upload is to be read."""
    return path.with_name(f"{path.name}.reading")


def short_name(dataset: str) -> str:
    """A data set's name as shown: an upload's without its folder."""
    path = Path(dataset)
    return path.name if path.parent == folder() else dataset


def keep(name: str, content: bytes, how: Reading | None = None, found: Examined | None = None) -> Path:
    """Store an upload if it can be read as a data set (in a process of its own); nothing stays behind if not.

    Args:
        how: what the person says of its columns and labels; kept beside it. found: what was seen in it, if it was looked at.

    Raises:
        UserError: it cannot be read; says why.
    """
    how = how or Reading()
    with _examined(name, content, how, found) as (partial, seen):
        if seen.problem:
            raise UserError(seen.problem)
        target = folder() / partial.name
        if how != Reading():
            _note(target).write_text(json.dumps(asdict(how)), encoding="utf-8")
        else:
            _note(target).unlink(missing_ok=True)
        partial.replace(target)
    return target


@contextmanager
def _examined(
    name: str, content: bytes, how: Reading, found: Examined | None = None
) -> Iterator[tuple[Path, Examined]]:
    """An upload in a folder of its own, until it is known to be whole and a data set; its name stands in messages."""
    suffix = Path(name).suffix.lower()
    if len(content) > MOST_BYTES:
        raise UserError(
            f"{name[:80]} has {len(content) >> 20} MB; at most {MOST_BYTES >> 20} MB can be uploaded. Give larger files by path."
        )
    if suffix not in ENDINGS:
        raise UserError(f"{name[:80]}: files must end in {', '.join(ENDINGS)}.")
    stem = re.sub(r"[^\w-]+", "-", Path(name).stem)[:40].strip("-") or "data"
    folder().mkdir(exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        partial = Path(scratch) / f"{stem}-{hashlib.sha256(content).hexdigest()[:8]}{suffix}"
        try:
            partial.touch(mode=0o600)
            partial.write_bytes(content)
            yield partial, found or examine(partial, how)
        except OSError as problem:
            raise UserError(f"{name[:80]} cannot be kept: {problem.strerror or problem}.") from None


@st.cache_data(max_entries=8, show_spinner="Reading the file …")
def _look(name: str, content: bytes, how: Reading) -> Examined:
    with _examined(name, content, how) as (_, found):
        return found


@st.cache_data(max_entries=8, show_spinner=False)
def _kept(name: str, content: bytes, how: Reading, _found: Examined) -> Path:
    return keep(name, content, how, _found)  # Once, not at every interaction with the page.


NEW = "upload-is-new"


def take_new(key: str) -> None:
    """Before the widget of that key, a choice of data: choose what has just been uploaded."""
    if NEW in st.session_state:
        st.session_state[key] = st.session_state.pop(NEW)


def upload_box() -> None:
    """Take a file, show what was understood of it, let the person say otherwise, and keep it; it is then chosen (see `take_new`)."""
    file: Any = st.file_uploader(
        "Upload a data file",
        type=[suffix[1:] for suffix in ENDINGS],
        help="GLUE's columns: sentence, or sentence1 and sentence2 (or text, question, premise …), and label. Other names can"
        " be chosen once the file is uploaded.",
    )
    if file is None:
        return
    said = st.container()
    try:
        plain_look = _look(file.name, file.getvalue(), Reading())
        if plain_look.problem and not plain_look.columns:  # No choice of columns makes it a table.
            said.error(plain(plain_look.problem))
            return
        how = _form(plain_look, file.file_id)
        found = plain_look if how == Reading() else _look(file.name, file.getvalue(), how)
        if found.problem:
            said.error(plain(_by_boxes(found.problem)))
            return
        dataset = with_reading(str(_kept(file.name, file.getvalue(), how, found)), how)
    except UserError as problem:
        said.error(plain(str(problem)))
        return
    if dataset != st.session_state.get("last-upload"):
        st.session_state["last-upload"] = st.session_state[NEW] = dataset
        st.rerun()  # So that it stands in the list of data sets.
    said.success(
        f"{plain(short_name(dataset))} is kept, and chosen above. {plain(_by_boxes(' '.join(found.described)))}"
    )


def _by_boxes(text: str) -> str:
    """A message whose flags of the command line are called by the boxes below the upload."""
    boxes = {
        "--text-column": "Texts", "--pair-column": "Second texts", "--label-column": "Labels",
        "--label-kind classes": "Labels are classes", "--label-kind scores": "Labels are scores", "--label-kind": "Labels are",
    }  # fmt: skip
    for flag, box in boxes.items():
        text = text.replace(flag, f"the box {box}" if "are " not in box else box)
    return text


def _form(found: Examined, key: str) -> Reading:
    """What the file's first rows are, and a choice of columns; "" where the names decide."""
    with st.expander("The first rows, and which columns are meant", expanded=bool(found.problem)):
        if found.preview:
            st.dataframe(found.preview, hide_index=True)
        names = list(dict.fromkeys(found.columns))[:200]
        left, right = st.columns(2)
        said = {
            field: place.selectbox(
                label, names, index=None, placeholder="by its name", key=f"{field}-{key}", help=help_
            )
            for field, label, help_, place in (
                ("text_column", "Texts", "The column that holds the texts.", left),
                ("pair_column", "Second texts", "For pairs of texts.", right),
                ("label_column", "Labels", "The column that holds the labels.", left),
            )
        }
        kind = right.selectbox(
            "Labels are", KINDS, index=None, placeholder="by the values", key=f"kind-{key}",
            help="Names of classes, or scores.",
        )  # fmt: skip
    return Reading(**{field: value or "" for field, value in said.items()}, label_kind=kind or "")
