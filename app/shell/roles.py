"""Whose page this is: the owner's (in a class the teacher's), or a student's."""

import streamlit as st

from app.shell.door import HEADER, is_class
from engine.classroom import Classroom


def student() -> str | None:
    """The secret name of the student whose page this is; None for the owner."""
    return st.context.headers.get(HEADER.decode()) or None if is_class() else None


def has_to_wait() -> bool:
    """Whether this is a student's page while something is asked whose answer the pages of one sentence would show."""
    question = Classroom().question() if student() else None
    return question is not None and question.hides_strips
