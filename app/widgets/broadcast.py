"""What a teacher looks at, on the screens of those who follow."""

import json
from typing import Any

import streamlit as st

from app.shell.door import is_class
from app.shell.roles import student
from app.widgets.strips import Looking
from engine.classroom import Classroom

FOLLOWED = "class-followed"  # In the session; True until the teacher says otherwise.
LOOKED_AT = "class-shown"  # In the session: what this window last showed the class, or found there when it was opened.


def broadcast(reference: str, values: dict[str, Any], at: Looking) -> None:
    """Put a trace on the class's screens, where a class is open and is to follow.

    Args:
        reference: of the model. values: of the analysis. at: the ascent step and token that the teacher looks at.
    """
    if not is_class() or student() or not st.session_state.get(FOLLOWED, True):
        return
    room = Classroom()
    found, question = room.current(), room.question()
    if found is None or (question is not None and question.is_open):
        return  # What was asked about stays on the screens until its answer is there.
    screen = json.loads(json.dumps({"model": reference, "values": values, "step": at.step, "token": at.token}))
    # A new window takes nothing over.
    looked_at = st.session_state.setdefault(LOOKED_AT, screen if found.screen else None)
    if looked_at != screen or not found.screen:
        _show(screen)
    elif found.screen != screen:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("The class looks at something else, chosen in another window or before this page was loaded.")
            st.button("Show them this", icon=":material/cast:", on_click=_show, args=(screen,))


def _show(screen: dict[str, Any]) -> None:
    Classroom().show(screen)
    st.session_state[LOOKED_AT] = screen
