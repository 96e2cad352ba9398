"""The parts of the Notebook page: a cell, and what can be done with it."""

import json
import re
from typing import Any

import streamlit as st

from app import widgets
from app.drawing.escaping import unpictured
from app.drawing.shown import enlarged, shown_from
from app.notebook.addresses import address_of
from app.notebook.captions import caption_of, facts_line, remarks_of, title_of
from app.notebook.pins import render
from app.notebook.running import run, runner
from app.shell.layout import plain
from app.shell.navigation import page_of
from engine.catalogue import analysis_of
from engine.errors import UserError
from engine.methods import METHODS
from engine.notebook.cells import Cell, Content, Spec
from engine.notebook.store import Notebooks

GRIP = '<span class="deltabook-grip" aria-hidden="true" title="Drag it to another place">⠿</span>'  # See `keys.js`.


def cell_box(cell: Cell, place: int, many: int) -> None:
    """A cell with its actions; `place`: among the `many` of its notebook, counted from 0."""
    content = cell.content
    with st.container(border=True, key=f"cell-{cell.id}"):
        of_text = content.spec is None and not st.session_state.get(f"editing-{cell.id}")
        words, buttons = st.columns([2, 1] if of_text else [3, 2], vertical_alignment="top" if of_text else "center")
        with words:
            if of_text and cell.folded:
                st.markdown(plain(first_line(content.note)) or "**Note**")
            elif of_text:
                cell_content(cell)
            else:
                st.markdown(f"**{plain(title_of(content))}**" if content.spec else "**Note**")
        icons = buttons.container(
            horizontal=True, horizontal_alignment="right", gap="xxsmall", key=f"icons-{cell.id}"
        )  # See `shell/accessible.css`.
        with icons:
            _actions(cell, place, many)
        if not of_text and not cell.folded:
            cell_content(cell)


def first_line(note: str) -> str:
    """What stands for a folded note: its first line with words, without its Markdown."""
    bare = (re.sub(r"[*`#>]+", "", line).strip() for line in note.splitlines())
    found = next((line for line in bare if line.strip("-$")), "")
    return f"{found[:120]} …" if found else ""


def _actions(cell: Cell, place: int, many: int) -> None:
    notebooks = Notebooks()

    def action(name: str, icon: str, help_: str, do: Any, *arguments: Any, disabled: bool = False) -> None:
        st.button(
            help_, key=f"{name}-{cell.id}", icon=f":material/{icon}:", help=help_, type="tertiary", on_click=do,
            args=arguments, disabled=disabled,
        )  # fmt: skip

    if many > 1:
        st.html(GRIP)
    folded = cell.folded
    action(
        "fold",
        "unfold_more" if folded else "unfold_less",
        "Unfold" if folded else "Fold",
        notebooks.fold,
        cell.id,
        not folded,
    )
    if cell.content.spec is not None:
        action("again", "replay" if cell.content.shown else "play_arrow", "Run (again)", run, [cell.id])
        action("settings", "tune", "Change the settings", _toggle, f"tuning-{cell.id}")
    action("edit", "edit_note", "Edit the note", _edit, cell.id)
    action("up", "arrow_upward", "Move up", notebooks.move, cell.id, place - 1, disabled=place == 0)
    action("down", "arrow_downward", "Move down", notebooks.move, cell.id, place + 1, disabled=place == many - 1)
    action("copy", "content_copy", "Duplicate", _duplicate, cell)
    action("delete", "delete", "Delete (can be undone)", delete, cell.id)


def _edit(cell: int) -> None:
    if st.session_state.get(f"editing-{cell}"):
        close_editor(cell)
    else:
        open_editor(cell)


def _toggle(key: str) -> None:
    st.session_state[key] = not st.session_state.get(key, False)


def _duplicate(cell: Cell) -> None:
    Notebooks().add(cell.notebook, cell.content, after=cell.id)


def delete(cell: int) -> None:
    """Put a cell aside, and say how it comes back."""
    Notebooks().delete_cell(cell)
    st.toast("Deleted. **Undo** stands above the cells.", icon=":material/undo:")


def cell_content(cell: Cell, large: bool = False) -> None:
    """Note, result and answer."""
    content, waits = cell.content, runner().is_waiting(cell.id)
    if not large and st.session_state.get(f"editing-{cell.id}"):
        _editor(cell.id, content.note)
    if content.note:
        st.markdown(unpictured(content.note))
    if content.spec is not None and not large and st.session_state.get(f"tuning-{cell.id}"):
        _settings_form(cell, content.spec)
    if content.shown is not None:
        shown = shown_from(content.shown)
        render(enlarged(shown) if large else shown, f"shown-{cell.id}")
        if content.spec is not None and (of := caption_of(content.spec)):
            st.markdown(plain(of))
        if not large and content.spec is not None:
            _below(content)
    elif content.spec is not None and not waits:
        st.info("Not run yet: press ▶.", icon=":material/play_arrow:")
    if waits:
        st.caption(
            ":material/play_circle: Being computed."
            if runner().is_running(cell.id)
            else ":material/hourglass_empty: To be run."
        )
    elif said := runner().problems.get(cell.id):
        st.error(plain(said), icon=":material/error:")
    if content.answer:
        with st.expander("Answer"):
            st.markdown(unpictured(content.answer))


def _editor(cell: int, note: str) -> None:
    """The field of a note. It knows which note it began with: another window may change it meanwhile."""
    turn, was = st.session_state.setdefault(f"edited-{cell}", (0, note))
    st.text_area(
        "Note (Markdown, formulas between dollar signs; saved when you leave the field)", was, height=180,
        key=f"note-{cell}-{turn}", on_change=_save_note, args=(cell, turn, was), max_chars=100_000,
    )  # fmt: skip


def _save_note(cell: int, turn: int, was: str) -> None:
    note = st.session_state[f"note-{cell}-{turn}"]
    try:
        kept = Notebooks().write_note(cell, note, was)
    except UserError as problem:
        st.toast(plain(str(problem)), icon=":material/error:")
        return
    if kept == "merged":  # A new field, which shows what is kept: the browser's own would keep what was typed in it.
        st.session_state[f"edited-{cell}"] = (turn + 1, Notebooks().cell(cell).content.note)
        said = "This note was changed in another window meanwhile: both are kept, yours below."
        st.toast(said, icon=":material/call_merge:")
    elif st.session_state.get(f"editing-{cell}"):  # It may have been left in the same moment.
        st.session_state[f"edited-{cell}"] = (turn, note)
    if kept == "deleted":
        said = "This cell was deleted in another window meanwhile. **Undo** brings it back, with what you wrote."
        st.toast(said, icon=":material/delete:")


def open_editor(cell: int) -> None:
    """Have a note's field in its place."""
    st.session_state[f"editing-{cell}"] = True


def close_editor(cell: int) -> None:
    """Show a note that was edited."""
    st.session_state[f"editing-{cell}"] = False
    st.session_state.pop(f"edited-{cell}", None)


def _below(content: Content) -> None:
    assert content.spec is not None
    facts, open_ = st.columns([5, 1], vertical_alignment="center")
    facts.caption(plain(facts_line(content)))
    for said in remarks_of(content):
        facts.warning(plain(said))
    page, query = address_of(content.spec)
    with open_:
        st.page_link(
            page_of(page),
            label="Open",
            help="Open it on its page, with these settings.",
            icon=":material/open_in_new:",
            query_params=query,
        )


def _field(name: str, schema: dict[str, Any], value: Any, key: str) -> Any:
    label = name.replace("_", " ").capitalize()
    if name == "method":
        return st.selectbox(label, METHODS.names(), METHODS.names().index(value), key=key)
    if isinstance(value, list | dict):
        typed = st.text_input(f"{label} (JSON)", json.dumps(value, ensure_ascii=False), key=key)
        try:
            return json.loads(typed)
        except ValueError:
            raise UserError(f"{label} must be JSON, such as {json.dumps(value)[:80]}.") from None
    found = widgets.setting(name, schema, key, value, linked_to_address=False)
    return None if found == "" and value is None else found


def _settings_form(cell: Cell, spec: Spec) -> None:
    with st.form(f"form-{cell.id}"):
        subjects = dict(spec.subjects)
        if analysis_of(spec.analysis).kind != "nothing":
            for name, reference in spec.subjects.items():
                subjects[name] = st.text_input(
                    f"Model or run{f' ({name})' if name else ''}", reference, key=f"subject-{cell.id}-{name}",
                    help="minilm, run:ID (see Runs), a folder or a hub name; for ELECTRA empty is the ready-made pair.",
                )  # fmt: skip
        values, asked = dict(spec.values), analysis_of(spec.analysis).Settings
        columns = st.columns(3)
        for place, (name, value) in enumerate(each for each in spec.values.items() if each[0] != "settings"):
            with columns[place % 3]:
                values[name] = _field(name, asked.schema().get(name, {}), value, f"value-{cell.id}-{name}")
        if "settings" in values:
            held: Any = spec.values["settings"] or {}
            st.caption("Settings of the method")
            columns = st.columns(3)
            chosen = {}
            inner = asked.inner(spec.values)
            schemas = {} if inner is None else inner.schema()
            if "strategy" not in held:  # All of them side by side.
                schemas.pop("strategy", None)
            for place, (name, schema) in enumerate(schemas.items()):
                with columns[place % 3]:
                    chosen[name] = widgets.setting(
                        name, schema, f"set-{cell.id}-{name}", held.get(name, widgets.OWN), linked_to_address=False
                    )
            # Another method has other settings: it starts from its own defaults.
            values["settings"] = chosen if values.get("method") == spec.values.get("method") else {}
        if st.form_submit_button("Run with these", icon=":material/play_arrow:", type="primary"):
            run([cell.id], spec.model_copy(update={"subjects": subjects, "values": values}))
            st.session_state[f"tuning-{cell.id}"] = False
            st.rerun()
