"""Word attacks under the limits that papers share."""

from collections.abc import Mapping, Sequence

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.protocol import Protocol
from engine.robustness.marks import Marks
from engine.robustness.text import Limits

view = VIEWS.add(
    Views("protocol", "compare", part="Protocol", names={name: f"protocol-{name}" for name in Limits.names()})
)


@view("accuracy", "Accuracy under every search")
def accuracy(found: Protocol) -> Figure:
    """Bars, clean accuracy first."""
    clean = next(iter(found.attacks.values())).summary["accuracy"]
    values = {"clean": clean, **{name: each.summary["after_attack"] for name, each in found.attacks.items()}}
    made = figures.bars({"accuracy": values}, "attack", "accuracy")
    made.update_yaxes(range=[0, 1.02])
    return Figure(made)


@view("table", "What every search took, and what people said of its texts")
def table(found: Protocol, *, marks: Mapping[str, Sequence[bool | None]] | None = None) -> Table:
    """A row per search. Success with the meaning kept lies between what people marked so, and that with what nobody has marked.

    Args:
        marks: by search, of the texts that fool the model, in their order; None: those in the database now.
    """
    said = marks_of(found) if marks is None else marks
    rows = []
    for name, each in found.attacks.items():
        given = list(said.get(name, ()))
        right = max(1, sum(one.said == one.label for one in each.examples))
        kept, open_ = given.count(True), given.count(None)
        row = {key: value for key, value in each.summary.items() if key != "examples"}
        low, high = kept / right, (kept + open_) / right
        rows.append(
            {"search": name, **row, "marked": f"{len(given) - open_} of {len(given)}",
             "success, meaning kept": f"{low:.1%}" if low == high else f"{low:.1%} to {high:.1%}"}
        )  # fmt: skip
    return Table(pd.DataFrame(rows))


def marks_of(found: Protocol) -> dict[str, list[bool | None]]:
    """What people have said so far of the texts that fool the model, by search."""
    won = {name: [one for one in each.examples if one.success] for name, each in found.attacks.items()}
    return {name: Marks().of((one.before, one.after) for one in each) for name, each in won.items()}
