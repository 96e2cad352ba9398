"""The script that draws the pages, run at every interaction (see `main.py`). Imports only what the first paint needs."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this file's folder there.
    sys.path.insert(0, str(ROOT))

from app.navigation import sections  # noqa: E402
from engine.process import wait_politely  # noqa: E402

wait_politely()

st.set_page_config(page_title="Deltabook", page_icon=str(ROOT / "app" / "delta.svg"), layout="wide")
st.navigation(sections(), expanded=True).run()
