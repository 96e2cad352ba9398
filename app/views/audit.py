"""Whether an attack can be believed."""

from collections.abc import Mapping

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.audit import Audit

view = VIEWS.add(Views("audit", "compare", part="Audit", several_models=True))

WORDS = {True: "✓ passed", False: "✗ failed", None: "– no say"}


@view("accuracy", "Accuracy without and under attack", several=True)
def accuracy(found: Mapping[str, Audit]) -> Figure:
    """Without an attack, under the one that is audited, and under all that was tried."""
    groups = {
        "clean": {name or "model": each.clean for name, each in found.items()},
        "under this attack": {name or "model": each.attacked for name, each in found.items()},
        "under all that was tried": {name or "model": each.strongest for name, each in found.items()},
    }
    made = figures.bars(groups, "model", "accuracy")
    made.update_yaxes(range=[0, 1.02])
    return Figure(made)


@view("checks", "The checks")
def checks(found: Audit) -> Table:
    """Each check, what was seen, and what it would mean if it failed."""
    rows = [
        {"check": each.name, "": WORDS[each.passed], "seen": each.seen, "if it fails": each.means}
        for each in found.checks
    ]
    return Table(pd.DataFrame(rows))
