"""A notebook by the keyboard, as in Jupyter, and its cells dragged to another place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.notebook.cells import close_editor, delete, open_editor
from app.notebook.running import run
from engine.notebook.cells import Cell, Content
from engine.notebook.store import Notebooks

KEYS = """\
| Key | A click on a cell, or ↓, chooses it; then |
|---|---|
| ↑ ↓ or K J | the cell above, below |
| Enter | edit its note |
| Esc or Shift + Enter | in a note: save it and leave it |
| Shift + Enter | run the cell, go to the next |
| Ctrl + Enter | run the cell |
| A, B | a new note above, below |
| O | fold or unfold it |
| D D | delete it |
| Z | bring the last deleted one back |
| Ctrl + Shift + ↑ ↓ | move it up, down |
"""
_SELECTED, _HEARD = "notebook-selected", "notebook-heard"
_keys = st.components.v2.component(
    "deltabook_notebook_keys",
    html="<style></style><div></div>",
    js=Path(__file__).with_name("keys.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def keys(notebook: int, cells: Sequence[Cell]) -> None:
    """Listen for what `KEYS` lists, and for cells that are dragged."""

    def asked() -> None:
        said = st.session_state["notebook-keys"].get("asked") or {}
        for command in said.get("commands", []):
            if command["id"] > st.session_state.get(_HEARD, 0):
                st.session_state[_HEARD] = command["id"]
                _do(command, notebook)

    data = {
        "cells": [cell.id for cell in cells],
        "select": st.session_state.pop(_SELECTED, None),
        "heard": st.session_state.get(_HEARD, 0),
    }
    _keys(key="notebook-keys", data=data, on_asked_change=asked)


def _do(said: dict[str, Any], notebook: int) -> None:
    """What a key or a drop asks for. Nothing where the cell is not there any more."""
    store = Notebooks()
    cells = store.cells(notebook)
    cell = next((each for each in cells if each.id == said.get("cell")), None)
    if cell is None:
        return
    place = [each.id for each in cells].index(cell.id)
    match said.get("do"):
        case "edit":
            open_editor(cell.id)
            st.session_state[_SELECTED] = cell.id
        case "done":
            close_editor(cell.id)
        case "run" if cell.content.spec is not None:
            run([cell.id])
        case "above" | "below" as where:
            made = store.add(cell.notebook, Content(), after=cell.id)
            if where == "above":
                store.move(made.id, place)
            open_editor(made.id)
            st.session_state[_SELECTED] = made.id
        case "fold":
            store.fold(cell.id, not cell.folded)
        case "delete":
            delete(cell.id)
        case "undo":
            st.session_state[_SELECTED] = store.undelete_cell(cell.notebook)
        case "move" if isinstance(said.get("to"), int):
            store.move(cell.id, said["to"])
