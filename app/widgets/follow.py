"""A student's page follows the class: the browser asks a few bytes every second, and has the page drawn anew when they change."""

from pathlib import Path

import streamlit as st

from app.shell.door import SHOWN

_follow = st.components.v2.component(
    "deltabook_follow",
    html="<span hidden></span>",
    js=Path(__file__).with_name("follow.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def follow(drawn: str) -> None:
    """Draw the part of the page that this stands in anew once the class is shown something else.

    Args:
        drawn: what the class was shown when this drawing began, as `Classroom.shown` says it.
    """
    _follow(key="class-follow", data={"drawn": drawn, "address": SHOWN}, on_shown_change=lambda: None)
