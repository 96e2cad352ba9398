"""The script that draws the pages, run at every interaction (see `main.py`). Imports only what the first paint needs."""

from pathlib import Path

import streamlit as st

from app.shell.navigation import sections
from engine.process import wait_politely

ROOT = Path(__file__).resolve().parents[2]
wait_politely()

st.set_page_config(page_title="Deltabook", page_icon=str(ROOT / "app" / "delta.svg"), layout="wide")
st.navigation(sections(), expanded=True).run()
