"""What a teacher looks at, on the screens of those who follow."""

from typing import Any

import streamlit as st

from app.shell.door import is_class
from app.shell.roles import student
from app.widgets.strips import Looking
from engine.classroom import Classroom

FOLLOWED = "class-followed"  # In the session; True until the teacher says otherwise.


def broadcast(reference: str, values: dict[str, Any], at: Looking) -> None:
    """Put a trace on the class's screens, where a class is open and is to follow.

    Args:
        reference: of the model. values: of the analysis. at: the ascent step and token that the teacher looks at.
    """
    if not is_class() or student() or not st.session_state.get(FOLLOWED, True):
        return
    screen = {"model": reference, "values": values, "step": at.step, "token": at.token}
    if st.session_state.get("class-shown") != screen:
        Classroom().show(screen)
        st.session_state["class-shown"] = screen
