"""Whether attributions are faithful."""

import numpy as np
import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.faithfulness import RANDOM, SCORES, Faithfulness

view = VIEWS.add(Views("faithfulness", "attribution"))


@view("removal", "The label's probability as tokens are taken away")
def removal(found: Faithfulness) -> Figure:
    """One line per order; the random ones as a band from the 5th to the 95th percentile."""
    curves = {name: list(enumerate(each.without)) for name, each in found.orders.items()}
    drawn = np.array([each.without for each in found.random])
    curves[RANDOM] = list(enumerate(drawn.mean(axis=0).tolist()))
    bands = {RANDOM: list(zip(*np.quantile(drawn, [0.05, 0.95], axis=0).tolist(), strict=True))}
    made = figures.lines(curves, "tokens taken away", f"P({found.label})", bands=bands)
    made.update_yaxes(range=[-0.02, 1.02])
    made.update_layout(height=380)
    return Figure(made)


@view("scores", "Comprehensiveness and sufficiency")
def scores(found: Faithfulness) -> Table:
    """One row per order, and the mean of the random ones."""
    rows = [
        {
            "order": name,
            **{each: getattr(order, each) for each in SCORES},
            "beats random orders": f"{found.better(name):.0%}",
        }
        for name, order in found.orders.items()
    ]
    rows.append({"order": f"{RANDOM} (mean of {len(found.random)})", **found.by_chance(), "beats random orders": ""})
    return Table(pd.DataFrame(rows))
