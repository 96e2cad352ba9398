"""Runs: all that were trained, their curves over one another, and how to take a model away."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Runs",
    "All runs, from this app and from the command line. Choose several to overlay their curves and compare"
    " their results; choose one to load its model, or to resume or delete it.",
)
body("runs")
