"""The script that draws the pages, run at every interaction (see `main.py`). Imports only what the first paint needs."""

from pathlib import Path

import streamlit as st

from app.shell import accessible
from app.shell.keeping import pool
from app.shell.navigation import EXPLORED, link, sections
from app.shell.roles import has_to_wait, student
from engine.classroom import Classroom
from engine.process import wait_politely

ROOT = Path(__file__).resolve().parents[2]
wait_politely()

if (known := student()) and not Classroom().has(known):
    st.info("The class is over. Reload the page to join another one.", icon=":material/school:")
    st.stop()
page = st.navigation(sections(), expanded=True)
title = "Deltabook" if page.title == "Home" else f"{page.title} · Deltabook"
st.set_page_config(page_title=title, page_icon=str(ROOT / "app" / "delta.svg"), layout="wide")
st.html(accessible.STYLE)
st.html(accessible.SCRIPT, unsafe_allow_javascript=True)
pool()  # Its first process gets ready meanwhile.
if page.url_path in EXPLORED and has_to_wait():
    st.info("Your teacher has asked something: this page opens again with the answer.", icon=":material/help:")
    link("classroom", "To the question")
    st.stop()
page.run()
