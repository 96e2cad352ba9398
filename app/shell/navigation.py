"""Which pages there are, in which order, and links to them."""

from pathlib import Path
from typing import Any

import streamlit as st

from app.shell.roles import student

ROOT = Path(__file__).resolve().parents[2]

# Section → (file and address, title, icon).
SECTIONS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "": (
        ("home", "Home", ":material/home:"),
        ("notebook", "Notebook", ":material/menu_book:"),
        ("classroom", "Class", ":material/school:"),
    ),
    "Look": (
        ("perturb", "Perturb", ":material/tune:"),
        ("microscope", "Microscope", ":material/biotech:"),
        ("landscape", "Landscape", ":material/landscape:"),
        ("attribution", "Attribution", ":material/center_focus_strong:"),
        ("smoothness", "Smoothness", ":material/blur_on:"),
        ("table", "TextAT table", ":material/table_rows:"),
        ("projector", "Projector", ":material/scatter_plot:"),
    ),
    "Words": (
        ("electra", "ELECTRA", ":material/find_replace:"),
        ("macbert", "MacBERT", ":material/spellcheck:"),
    ),
    "Train": (
        ("train", "Train", ":material/model_training:"),
        ("runs", "Runs", ":material/monitoring:"),
        ("compare", "Compare", ":material/balance:"),
    ),
}

# What a student sees: pages of one sentence, which start nothing and keep nothing.
EXPLORED = ("perturb", "microscope", "landscape", "attribution")
STUDENTS = ("classroom", *EXPLORED)


def _page(name: str, title: str, icon: str) -> Any:
    first = "classroom" if student() else "home"
    return st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, url_path=name, default=name == first)


def sections() -> dict[str, list[Any]]:
    """What `st.navigation` takes."""
    own = bool(student())
    found = {
        section: [_page(*each) for each in pages if not own or each[0] in STUDENTS]
        for section, pages in SECTIONS.items()
    }
    return {section: pages for section, pages in found.items() if pages}


def page_of(name: str) -> Any:
    """A page by its file's name."""
    return _page(*next(each for pages in SECTIONS.values() for each in pages if each[0] == name))


def link(name: str, label: str, **query: str) -> None:
    """A link to a page by its file's name, with parameters of its address."""
    st.page_link(page_of(name), label=label, icon=page_of(name).icon, query_params=query or None)
