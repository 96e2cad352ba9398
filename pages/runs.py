"""Runs: all that were trained, their curves over one another, and how to take a model away."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Runs",
    "All runs, from this app and from the command line. Choose some to lay their curves over one another and to"
    " compare what they reached; choose one to load its model, resume or delete it.",
)
body("runs")
