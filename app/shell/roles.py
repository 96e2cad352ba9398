"""Whose page this is: the owner's (in a class the teacher's), or a student's."""

import streamlit as st

from app.shell.door import HEADER, is_class


def student() -> str | None:
    """The secret name of the student whose page this is; None for the owner."""
    return st.context.headers.get(HEADER.decode()) or None if is_class() else None
