"""Train: launch a fine-tune and watch it."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Train",
    "Launch a fine-tune with any method and watch it live. It runs in its own process: closing this page or"
    " stopping the server does not stop it.",
)
body("train")
