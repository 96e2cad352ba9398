"""Word attacks under the limits that papers share."""

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.protocol import Protocol
from engine.robustness.marks import Marks

view = VIEWS.add(Views("protocol", "compare", part="Protocol"))


@view("accuracy", "Accuracy under every search")
def accuracy(found: Protocol) -> Figure:
    """Bars, clean accuracy first."""
    clean = next(iter(found.attacks.values())).summary["accuracy"]
    values = {"clean": clean, **{name: each.summary["after_attack"] for name, each in found.attacks.items()}}
    made = figures.bars({"accuracy": values}, "attack", "accuracy")
    made.update_yaxes(range=[0, 1.02])
    return Figure(made)


@view("table", "What every search took, and what people said of its texts")
def table(found: Protocol) -> Table:
    """A row per search. Success with the meaning kept lies between what people marked so, and that with what nobody has marked."""
    rows = []
    for name, each in found.attacks.items():
        won = [one for one in each.examples if one.success]
        marks = Marks().of((one.before, one.after) for one in won)
        right = max(1, sum(one.said == one.label for one in each.examples))
        kept, open_ = marks.count(True), marks.count(None)
        row = {key: value for key, value in each.summary.items() if key != "examples"}
        low, high = kept / right, (kept + open_) / right
        rows.append(
            {"search": name, **row, "marked": f"{len(won) - open_} of {len(won)}",
             "success, meaning kept": f"{low:.1%}" if low == high else f"{low:.1%} to {high:.1%}"}
        )  # fmt: skip
    return Table(pd.DataFrame(rows))
