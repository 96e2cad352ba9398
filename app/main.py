"""Entry point: `python -m streamlit run app/main.py`. Imports only what the first paint needs."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this file's folder there.
    sys.path.insert(0, str(ROOT))

st.set_page_config(page_title="Deltabook", page_icon=":material/change_history:", layout="wide")

PAGES = (
    ("home", "Home", ":material/home:"),
    ("perturb", "Perturb", ":material/tune:"),
    ("train", "Train", ":material/model_training:"),
    ("runs", "Runs", ":material/monitoring:"),
)

st.navigation(
    [
        st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "home")
        for name, title, icon in PAGES
    ]
).run()
