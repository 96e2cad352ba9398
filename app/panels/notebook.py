"""The Notebook page: choosing and managing notebooks, lessons, export and import, the presenter's view."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from app import widgets
from app.notebook import lessons
from app.notebook.cells import cell_box, cell_content, run_again, run_later
from app.notebook.export.html import imported, to_html, to_markdown
from app.notebook.export.jupyter import from_ipynb, to_ipynb
from app.shell.layout import plain, said_if_it_fails
from app.shell.navigation import link
from engine.errors import UserError, known
from engine.notebook.cells import Cell, Content, Notebook
from engine.notebook.store import Notebooks

EXPORTS: dict[str, tuple[str, str, Callable[[str, list[Content]], bytes]]] = {
    "Jupyter notebook": ("ipynb", "application/x-ipynb+json", to_ipynb),
    "HTML, one file": ("html", "text/html", to_html),
    "Markdown with pictures": ("zip", "application/zip", to_markdown),
}
FROM_HOME = "from-home"
PRESENTED = "<style>[data-testid=stSidebar] {display: none} [data-testid=stMain] [data-token] {font-size: 1.7rem} [data-testid=stMain] {font-size: 1.35rem} [data-testid=stMarkdownContainer] p, [data-testid=stMarkdownContainer] li {font-size: 1.35rem}</style>"


def page() -> None:
    """All of it."""
    with st.container():  # There with and without an offer: the toolbar below it is then drawn over, not drawn twice.
        if "lesson" in st.query_params:
            if st.session_state.pop(FROM_HOME, False):  # A click on Home, in this very session.
                _take_offer(st.query_params["lesson"])
            else:
                _offer(st.query_params["lesson"])
    notebooks = Notebooks().all()
    chosen = _choice(notebooks)
    if chosen is None:
        st.info(
            "There is no notebook yet. Press **Pin** under any figure of the other pages, or open a lesson.",
            icon=":material/keep:",
        )
        if Notebooks().deleted():
            st.button("Undo delete", icon=":material/undo:", on_click=_undelete)
        _lessons()
        _import_box()
        return
    st.session_state["pins-to"] = chosen.id
    cells = Notebooks().cells(chosen.id)
    if "present" in st.query_params:
        _presented(chosen, cells)
        return
    _toolbar(chosen, cells)
    _run_waiting()
    if not cells:
        st.info("This notebook is empty: press **Pin** under any figure of the other pages, or add a note.")
        link("perturb", "Open Perturb")
    for place, cell in enumerate(cells):
        cell_box(cell, place == 0, place == len(cells) - 1)


def _choice(notebooks: list[Notebook]) -> Notebook | None:
    if not notebooks:
        return None
    names = {str(each.id): f"{each.name} · {each.id}" for each in notebooks}
    opened = st.session_state.pop("open-notebook", None)
    if opened is not None:
        st.session_state["notebook"] = str(opened)
    if st.session_state.get("notebook") not in names:
        st.session_state.pop("notebook", None)
    widgets.linked("notebook", names)
    with st.sidebar:
        chosen = st.selectbox(
            "Notebook", list(names), format_func=names.__getitem__, key="notebook", bind="query-params",
            help="Pins from the other pages go to the one that is open here.",
        )  # fmt: skip
    return next(each for each in notebooks if str(each.id) == chosen)


def _open(notebook: int) -> None:
    st.session_state["open-notebook"] = notebook


def _toolbar(chosen: Notebook, cells: list[Cell]) -> None:
    store = Notebooks()
    st.subheader(plain(chosen.name), anchor=False)
    with st.container(horizontal=True, gap="small"):
        st.button("Add a note", icon=":material/add_notes:", on_click=_add_note, args=(chosen.id,))
        waiting = [cell.id for cell in cells if cell.content.spec is not None]
        st.button(
            "Run all", icon=":material/play_arrow:", on_click=run_later, args=(waiting,), disabled=not waiting,
            help="Computes every cell anew and says which results changed.",
        )  # fmt: skip
        st.button("Present", icon=":material/slideshow:", on_click=_present, args=(0,), disabled=not cells)
        with st.popover("Export", icon=":material/ios_share:"):
            contents = [cell.content for cell in cells]
            for title, (suffix, mime, make) in EXPORTS.items():
                st.download_button(
                    title, said_if_it_fails(partial(make, chosen.name, contents)), f"{_stem(chosen.name)}.{suffix}", mime,
                    key=f"export-{suffix}", on_click="ignore", icon=":material/download:",
                )  # fmt: skip
        with st.popover("Notebook", icon=":material/folder:"):
            _manage(chosen)
        if store.deleted_cells(chosen.id):
            st.button(
                "Undo", icon=":material/undo:", on_click=store.undelete_cell, args=(chosen.id,),
                help="Brings the last deleted cell back.",
            )  # fmt: skip


def _stem(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:60].strip("-") or "notebook"


def _manage(chosen: Notebook) -> None:
    store = Notebooks()
    name = st.text_input("Name", chosen.name, max_chars=120, key=f"name-{chosen.id}")
    if name.strip() and name != chosen.name:
        store.rename(chosen.id, name)
        st.rerun()
    with st.container(horizontal=True):
        st.button("New", icon=":material/add:", on_click=_new)
        st.button("Duplicate", icon=":material/content_copy:", on_click=_duplicate, args=(chosen.id,))
        st.button("Delete", icon=":material/delete:", on_click=_delete, args=(chosen,))
        st.button("Undo delete", icon=":material/undo:", on_click=_undelete, disabled=not store.deleted())
    _import_box()
    _lessons()


def _new() -> None:
    _open(Notebooks().create(f"Notebook of {time.strftime('%d %B %Y')}").id)


def _duplicate(notebook: int) -> None:
    _open(Notebooks().duplicate(notebook).id)


def _delete(notebook: Notebook) -> None:
    Notebooks().delete(notebook.id)
    st.toast(f"{plain(notebook.name)} was deleted. Notebook › Undo delete brings it back.", icon=":material/undo:")


def _undelete() -> None:
    found = Notebooks().undelete()
    if found is None:
        st.toast("No notebook was deleted.")
    else:
        _open(found.id)


def _lessons() -> None:
    st.markdown("**Lessons**")
    for name, title in lessons.titles().items():
        st.button(title, key=f"lesson-{name}", icon=":material/school:", on_click=open_lesson, args=(name,))


def _offer(name: str) -> None:
    """A lesson that an address names: it is made into a notebook by a click, not by whoever wrote the link."""
    known("lesson", name, list(lessons.titles()))
    with st.container(border=True):
        st.markdown(
            f"**{plain(lessons.titles()[name])}**: a guided notebook. Opening it makes a copy of your own and runs it."
        )
        st.button("Open this lesson", type="primary", icon=":material/school:", on_click=_take_offer, args=(name,))


def _take_offer(name: str) -> None:
    st.query_params.pop("lesson", None)
    open_lesson(name)


def open_lesson(name: str) -> None:
    """A copy of a lesson as a notebook of one's own, its results to be computed; the copy there is, if any.

    Raises:
        UserError: there is no such lesson.
    """
    known("lesson", name, list(lessons.titles()))
    title, contents = lessons.lesson(name)
    there = next((each for each in Notebooks().all() if each.name == title), None)
    if there is not None:
        _open(there.id)
        return
    made = Notebooks().create(title, contents)
    _open(made.id)
    run_later([cell.id for cell in Notebooks().cells(made.id) if cell.content.spec is not None])


def _import_box() -> None:
    file: Any = st.file_uploader("Import an exported .ipynb", type=["ipynb"], key="import", max_upload_size=50)
    if file is None or st.session_state.get("imported") == file.file_id:
        return
    try:
        name, contents = from_ipynb(file.getvalue())
        made = Notebooks().create(name, [imported(content) for content in contents])
    except UserError as problem:
        st.error(plain(str(problem)))
        return
    st.session_state["imported"] = file.file_id
    _open(made.id)
    st.rerun()


def _add_note(notebook: int) -> None:
    made = Notebooks().add(notebook, Content())
    st.session_state[f"editing-{made.id}"] = True


def _run_waiting() -> None:
    """Run the cells that were asked for, one after another, with progress; one that fails does not stop the rest."""
    waiting = st.session_state.pop("to-run", [])
    if not waiting:
        return
    bar = st.progress(0.0, text="Running …")
    problems = []
    for place, identifier in enumerate(waiting):
        bar.progress(place / len(waiting), text=f"Running: cell {place + 1} of {len(waiting)}")
        try:
            run_again(Notebooks().cell(identifier))
        except UserError as problem:
            problems.append(str(problem))
    bar.empty()
    for problem in problems:
        st.error(plain(problem), icon=":material/error:")
    if not problems:
        st.rerun()  # Its cells were read before they were run.


def _present(place: int | None) -> None:
    if place is None:
        st.query_params.pop("present", None)
    else:
        st.query_params["present"] = str(place)


def _presented(chosen: Notebook, cells: list[Cell]) -> None:
    """One cell at a time, in large type; the arrow keys turn the pages."""
    st.html(PRESENTED)
    given = st.query_params.get("present", "0")
    place = max(0, min(int(given) if given.isdigit() else 0, len(cells) - 1))
    _run_waiting()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Back",
            icon=":material/arrow_back:",
            on_click=_present,
            args=(place - 1,),
            disabled=place == 0,
            shortcut="left",
        )
        st.button(
            "Next", icon=":material/arrow_forward:", on_click=_present, args=(place + 1,),
            disabled=place >= len(cells) - 1, shortcut="right",
        )  # fmt: skip
        st.button("End", icon=":material/close:", on_click=_present, args=(None,), shortcut="esc")
        st.caption(f"{plain(chosen.name)} · {place + 1} of {len(cells)}")
    if cells:
        cell = cells[place]
        if cell.content.spec is not None and cell.content.shown is None:
            st.button("Run", icon=":material/play_arrow:", on_click=run_later, args=([cell.id],), type="primary")
        cell_content(cell, large=True)
