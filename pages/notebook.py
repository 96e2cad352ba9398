"""Notebook: what was pinned, with notes; to be run again, shared and presented."""

import streamlit as st

from app.panels import body
from app.shell.layout import heading

if "present" not in st.query_params:
    heading(
        "Notebook",
        "Pin any figure, table or token strip from the other pages here, explain it, run it again, share it. The"
        " lessons are notebooks too.",
    )
body("notebook")
