"""Train: launch a fine-tune and watch it."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Train",
    "Launch a fine-tune with any method and watch it live. It runs in a process of its own: closing this page, or the"
    " server, does not stop it.",
)
body("train")
