"""Entry point: `python -m streamlit run app/main.py`. The pages are drawn by `shell.py`; what may reach them is `guard.py`'s."""

import sys
from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this file's folder there.
    sys.path.insert(0, str(ROOT))

from app.guard import Guard  # noqa: E402

app = App(ROOT / "app" / "shell.py", middleware=[Middleware(Guard)])
