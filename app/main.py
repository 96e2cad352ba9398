"""Entry point: `python -m streamlit run app/main.py`. The pages are drawn by `shell/script.py`; what may reach them is `shell/guard.py`'s and `shell/door.py`'s."""

import sys
from pathlib import Path

from starlette.middleware import Middleware
from starlette.types import ASGIApp
from streamlit.starlette import App

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this file's folder there.
    sys.path.insert(0, str(ROOT))


def _guarded(inner: ASGIApp) -> ASGIApp:
    from app.shell.door import Door  # Found once the folder above is on the path.
    from app.shell.guard import Guard

    return Guard(Door(inner))


# Streamlit looks for this very form, `app = App(…)`, in the file's text.
app = App(ROOT / "app" / "shell" / "script.py", middleware=[Middleware(_guarded)])
