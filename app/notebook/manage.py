"""Notebooks as a whole: choosing, making and importing them; lessons."""

import time
from functools import partial
from typing import Any

import streamlit as st

from app import widgets
from app.notebook import lessons
from app.notebook.export.html import imported
from app.notebook.export.jupyter import from_ipynb, to_ipynb
from app.notebook.running import run, runner
from app.shell.layout import plain, said_if_it_fails
from engine.errors import UserError, known
from engine.notebook.cells import Notebook
from engine.notebook.store import Notebooks


def choice(notebooks: list[Notebook]) -> Notebook | None:
    """Choose the notebook that is looked at; None if there is none."""
    if not notebooks:
        return None
    names = {str(each.id): f"{each.name} (no. {each.id})" for each in notebooks}
    opened = st.session_state.pop("open-notebook", None)
    if opened is not None:
        st.session_state["notebook"] = str(opened)
    if st.session_state.get("notebook") not in names:
        st.session_state.pop("notebook", None)
    before = {f"{each.name} · {each.id}": names[str(each.id)] for each in notebooks}  # In addresses that were kept.
    widgets.linked("notebook", names | before)
    with st.sidebar:
        chosen = st.selectbox(
            "Notebook", list(names), format_func=names.__getitem__, key="notebook", bind="query-params",
            help="Pins from the other pages go to the one that is open here.",
        )  # fmt: skip
    return next(each for each in notebooks if str(each.id) == chosen)


def _open(notebook: int) -> None:
    st.session_state["open-notebook"] = notebook


def manage(chosen: Notebook) -> None:
    """Rename, make, duplicate, delete and import notebooks; the lessons."""
    store = Notebooks()
    name = st.text_input("Name", chosen.name, max_chars=120, key=f"name-{chosen.id}")
    if name.strip() and name != chosen.name:
        store.rename(chosen.id, name)
        st.rerun()
    with st.container(horizontal=True):
        st.button("New", icon=":material/add:", on_click=_new)
        st.button("Duplicate", icon=":material/content_copy:", on_click=_duplicate, args=(chosen.id,))
        st.button("Delete", icon=":material/delete:", on_click=_delete, args=(chosen,))
        st.button("Undo delete", icon=":material/undo:", on_click=undelete, disabled=not store.deleted())
    import_box()
    list_lessons()


def _new() -> None:
    _open(Notebooks().create(f"Notebook of {time.strftime('%d %B %Y')}").id)


def _duplicate(notebook: int) -> None:
    _open(Notebooks().duplicate(notebook).id)


def _delete(notebook: Notebook) -> None:
    Notebooks().delete(notebook.id)
    runner().stop(notebook.id)
    if others := Notebooks().all():
        _open(others[0].id)  # Else the field would go on showing the name of the one that is gone.
    st.toast(f"{plain(notebook.name)} was deleted. Notebook › Undo delete brings it back.", icon=":material/undo:")


def undelete() -> None:
    """Bring the notebook deleted last back."""
    found = Notebooks().undelete()
    if found is None:
        st.toast("No notebook was deleted.")
    else:
        _open(found.id)


def list_lessons() -> None:
    """Each lesson: to be opened, to be taken along as a Jupyter notebook, and what its teacher wants to know."""
    st.markdown("**Lessons**")
    for name, title in lessons.titles().items():
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.button(title, key=f"lesson-{name}", icon=":material/school:", on_click=open_lesson, args=(name,))
            st.download_button(
                "Jupyter", said_if_it_fails(partial(_as_jupyter, name)), f"{name}.ipynb", "application/x-ipynb+json",
                key=f"jupyter-{name}", on_click="ignore", icon=":material/download:", type="tertiary",
                help=f"{title}, as a Jupyter notebook.",
            )  # fmt: skip
            if st.button(
                "For teachers", key=f"teacher-{name}", icon=":material/co_present:", type="tertiary",
                help=f"{title}: time, preparation, what to ask, what is often misunderstood.",
            ):  # fmt: skip
                st.session_state["teacher-of"] = None if st.session_state.get("teacher-of") == name else name
        # No dialog: it would lie under the popover that this list is in.
        if st.session_state.get("teacher-of") == name:
            with st.container(border=True):
                st.markdown(lessons.teachers_notes(name))


def _as_jupyter(name: str) -> bytes:
    return to_ipynb(*lessons.lesson(name))


def offer(name: str) -> None:
    """A lesson that an address names: it is made into a notebook by a click, not by whoever wrote the link."""
    known("lesson", name, list(lessons.titles()))
    with st.container(border=True):
        st.markdown(
            f"**{plain(lessons.titles()[name])}**: a guided notebook. Opening it makes a copy of your own and runs it."
        )
        st.button("Open this lesson", type="primary", icon=":material/school:", on_click=take_offer, args=(name,))


def take_offer(name: str) -> None:
    """Open the lesson that an address named."""
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
    run([cell.id for cell in Notebooks().cells(made.id) if cell.content.spec is not None])


def import_box() -> None:
    """Take in an exported notebook."""
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
