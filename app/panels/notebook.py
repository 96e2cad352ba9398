"""The Notebook page: its cells, export, the presenter's view."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.notebook import manage
from app.notebook.captions import title_of
from app.notebook.cells import cell_box, cell_content, open_editor
from app.notebook.export.html import to_html, to_markdown
from app.notebook.export.jupyter import to_ipynb
from app.notebook.keys import KEYS, keys
from app.notebook.running import run, runner
from app.shell.imports import bring
from app.shell.layout import plain, said_if_it_fails
from app.shell.navigation import link
from engine.notebook.cells import Cell, Content, Notebook
from engine.notebook.store import Notebooks

EXPORTS: dict[str, tuple[str, str, Callable[[str, list[Content]], bytes]]] = {
    "Jupyter notebook": ("ipynb", "application/x-ipynb+json", to_ipynb),
    "HTML, one file": ("html", "text/html", to_html),
    "Markdown with pictures": ("zip", "application/zip", to_markdown),
}
FROM_HOME = "from-home"
PRESENTED = """<style>
[data-testid=stSidebar], [data-testid=stHeader] { display: none }
[data-testid=stMainBlockContainer] { padding: 1rem 3rem; max-width: none }
[data-testid=stMain] { font-size: 1.6rem }
[data-testid=stMain] [data-token] { font-size: 2.1rem }
[data-testid=stMarkdownContainer] :is(p, li) { font-size: 1.6rem; line-height: 1.5 }
[data-testid=stMain] h2 { font-size: 2.2rem }
[data-testid=stMain] :is(.strip-said, .strip-tip, .strip-heading) { font-size: 1.4rem }
</style>"""


def page() -> None:
    """Draw everything on the Notebook page below its heading."""
    with st.container():  # There with and without an offer: the toolbar below it is then drawn over, not drawn twice.
        if "lesson" in st.query_params:
            if st.session_state.pop(FROM_HOME, False):  # A click on Home, in this very session.
                manage.take_offer(st.query_params["lesson"])
            else:
                manage.offer(st.query_params["lesson"])
    notebooks = Notebooks().all()
    chosen = manage.choice(notebooks)
    if chosen is None:
        st.info(
            "There is no notebook yet. Press **Pin** under any figure of the other pages, or open a lesson.",
            icon=":material/keep:",
        )
        if Notebooks().deleted():
            st.button("Undo delete", icon=":material/undo:", on_click=manage.undelete)
        manage.list_lessons()
        manage.import_box()
        return
    st.session_state["pins-to"] = chosen.id
    ended = runner().ended  # Before the cells are read: what ends afterwards is drawn anew.
    cells = Notebooks().cells(chosen.id)
    if "present" in st.query_params:
        _presented(chosen, [cell for cell in cells if cell.content.spec or cell.content.note.strip()], ended)
        return
    _toolbar(chosen, cells)
    _progress(chosen.id, ended)
    if not cells:
        st.info("This notebook is empty: press **Pin** under any figure of the other pages, or add a note.")
        link("perturb", "Open Perturb")
    for place, cell in enumerate(cells):
        _bring(cell)
        cell_box(cell, place, len(cells))
    keys(chosen.id, cells)


def _bring(cell: Cell) -> None:
    """What a result's view needs, torch too; the notes above the first result stand there meanwhile."""
    if cell.content.spec is not None:
        bring("app.views")


def _toolbar(chosen: Notebook, cells: list[Cell]) -> None:
    store = Notebooks()
    st.header(plain(chosen.name), anchor=False)
    with st.container(horizontal=True, gap="small"):
        st.button("Add a note", icon=":material/add_notes:", on_click=_add_note, args=(chosen.id,))
        waiting = [cell.id for cell in cells if cell.content.spec is not None]
        st.button(
            "Run all", icon=":material/play_arrow:", on_click=run, args=(waiting,), disabled=not waiting,
            help="Recomputes every cell and says which results changed.",
        )  # fmt: skip
        st.button("Present", icon=":material/slideshow:", on_click=_present, args=(0,), disabled=not cells)
        with st.popover("Export", icon=":material/ios_share:"):
            contents = [cell.content for cell in cells]
            if missing := sum(cell.content.spec is not None and cell.content.shown is None for cell in cells):
                st.warning(
                    f"{missing} of its cells ha{'ve' if missing > 1 else 's'} no result yet and will be exported without one.",
                    icon=":material/hourglass_empty:",
                )
            for title, (suffix, mime, make) in EXPORTS.items():
                st.download_button(
                    title, said_if_it_fails(partial(make, chosen.name, contents)), f"{_stem(chosen.name)}.{suffix}", mime,
                    key=f"export-{suffix}", on_click="ignore", icon=":material/download:",
                )  # fmt: skip
        with st.popover("Notebook", icon=":material/folder:"):
            manage.manage(chosen)
        with st.popover("Keys", icon=":material/keyboard:"):
            st.markdown(KEYS)
        if store.deleted_cells(chosen.id):
            st.button(
                "Undo", icon=":material/undo:", on_click=store.undelete_cell, args=(chosen.id,),
                help="Brings the last deleted cell back.",
            )  # fmt: skip


def _stem(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:60].strip("-") or "notebook"


def _add_note(notebook: int) -> None:
    made = Notebooks().add(notebook, Content())
    open_editor(made.id)


def _progress(notebook: int, ended: int, bar: bool = True) -> None:
    """How far the cells are that run or wait, with a button that stops them; without a `bar`, the page is only kept up.

    `ended`: turns that had ended when they were read.
    """
    if runner().left(notebook) or runner().ended != ended:
        _follow(notebook, ended, bar)


@st.fragment(run_every=1)
def _follow(notebook: int, ended: int, bar: bool) -> None:
    here = runner()
    left = here.left(notebook)
    if not left or here.ended != ended:
        st.rerun()  # A cell has a new result.
    if not bar:
        return
    done, of = here.at
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(
            min(1.0, done / of) if of else 0.0,
            f"Running {len(left)} cell{'s' if len(left) > 1 else ''}; you can leave this page"
            + (f"; this one: {done:,} of {of:,}" if of else ""),
        )
        st.button("Stop", icon=":material/stop_circle:", on_click=here.stop, args=(notebook,))


def _present(place: int | None) -> None:
    if place is None:
        st.query_params.pop("present", None)
    else:
        st.query_params["present"] = str(place)


def _presented(chosen: Notebook, cells: list[Cell], ended: int) -> None:
    """One cell at a time, in large type; the arrow keys turn the pages."""
    st.html(PRESENTED)
    given = st.query_params.get("present", "0")
    place = max(0, min(int(given) if given.isdigit() else 0, len(cells) - 1))
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
    _progress(chosen.id, ended, bar=False)
    if cells:
        cell = cells[place]
        _bring(cell)
        if cell.content.spec is not None:
            st.header(plain(title_of(cell.content)), anchor=False)
        if cell.content.spec is not None and cell.content.shown is None:
            st.button("Run", icon=":material/play_arrow:", on_click=run, args=([cell.id],), type="primary")
        cell_content(cell, large=True)
