"""Whose page this is: the owner's (in a class the teacher's), or a student's."""

import streamlit as st

from app.shell.door import HEADER, is_class
from engine.classroom import STAGES, Classroom


def student() -> str | None:
    """The secret name of the student whose page this is; None for the owner."""
    return st.context.headers.get(HEADER.decode()) or None if is_class() else None


def has_to_predict() -> bool:
    """Whether this is a student's page, and the student has not committed to a prediction that is asked for: the other pages
    would show the answer.
    """
    known = student()
    question = Classroom().question() if known else None
    return question is not None and question.stage == STAGES[0] and known not in question.predictions
