"""Variants of a sentence."""

import pandas as pd

from app.drawing.shown import Strips, Table
from app.views import VIEWS, Views
from app.views.trace import last_strips
from engine.analysis.variants import Variants

view = VIEWS.add(Views("variants", "microscope"))


@view("table", "What is said of every variant")
def table(found: Variants) -> Table:
    """A row per text."""
    rows = [
        {"text": each.text, "said": each.said, "probability": each.sure, "after the ascent": each.said_after, "flip ε": each.flip_epsilon}
        for each in found.variants
    ]  # fmt: skip
    return Table(pd.DataFrame(rows))


@view("tokens", "Every variant's tokens")
def tokens(found: Variants) -> Strips:
    """One strip per text, on one scale."""
    return last_strips({f"{place}": each.trace for place, each in enumerate(found.variants, 1)})
