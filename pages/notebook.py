"""Notebook: what was pinned, with notes; to be run again, shared and presented."""

import streamlit as st

from app.layout import errors_in_a_box, heading

if "present" not in st.query_params:
    heading(
        "Notebook",
        "Pin any figure, table or token strip of the other pages here, explain it, run it again, share it. The lessons are"
        " notebooks too.",
    )

from app import notebook_page

with errors_in_a_box():
    notebook_page.page()
