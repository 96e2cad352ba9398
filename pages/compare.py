"""Compare: which model is really more robust, and what the papers report."""

from app.panels import body
from app.shell.layout import heading, view_choice

heading(
    "Compare",
    "Is a model trained with a method really more robust? Attack several models in embedding space and with real words,"
    " and see what the papers report.",
)
body(
    "compare",
    view_choice(
        (
            "Against ε",
            "Between two bounds",
            "Bounds by intervals",
            "Audit",
            "Word attacks",
            "Protocol",
            "Transfer",
            "Studies",
            "Ledger",
            "Published tables",
        )
    ),
)
