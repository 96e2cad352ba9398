"""What accuracy and robustness cost."""

from statistics import median

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.pareto import Pareto, front
from engine.runs.run import marked
from engine.statistics import spread

view = VIEWS.add(Views("pareto", "compare", part="Studies"))


@view("picture", "Accuracy against cost")
def picture(found: Pareto, *, robust: bool = False, dataset: str | None = None) -> Figure:
    """A point per method at its median, with the range over the seeds; a line through those that none beats in both.

    Args:
        robust: under the attack; else clean.
        dataset: one of the study's (None: the first).
    """
    chosen = [each for each in found.points if each.dataset == (dataset or found.points[0].dataset)]
    what = f"accuracy under {found.attack}, ε = {found.epsilon:g}" if robust else "validation accuracy"
    made = figures.figure("forward passes of a minibatch", what, 380)
    values = [list((each.robust if robust else each.clean).values()) for each in chosen]
    worth = [(each.passes, median(own)) for each, own in zip(chosen, values, strict=True)]
    best = front(worth)
    made.add_scatter(
        x=[worth[at][0] for at in best], y=[worth[at][1] for at in best], mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": "rgba(136,136,136,0.6)", "dash": "dot", "shape": "hv"},
    )  # fmt: skip
    for place, (each, own, (passes, middle)) in enumerate(zip(chosen, values, worth, strict=True)):
        name = figures.escape(marked(each.label, each.mark))
        made.add_scatter(
            x=[passes], y=[middle], mode="markers", name=name,
            marker={"color": figures.SERIES[place % len(figures.SERIES)], "symbol": figures.MARKERS[place % len(figures.MARKERS)], "size": 11},
            error_y={"type": "data", "symmetric": False, "array": [max(own) - middle], "arrayminus": [middle - min(own)]},
            hovertemplate=f"{name}<br>%{{x:,.0f}} passes, {each.seconds:,.0f} s<br>%{{y:.3f}} ({min(own):.3f} to {max(own):.3f})<extra></extra>",
        )  # fmt: skip
    made.update_xaxes(rangemode="tozero")
    return Figure(made)


@view("table", "What accuracy and robustness cost")
def pareto_table(found: Pareto) -> Table:
    """A row per method, data set and model."""
    import pandas as pd

    rows = [
        {"method": marked(each.label, each.mark), "data": each.dataset, "model": each.model, "forward passes": each.passes,
         "time (s)": each.seconds, "clean": spread(each.clean.values()), "robust": spread(each.robust.values())}
        for each in found.points
    ]  # fmt: skip
    return Table(pd.DataFrame(rows))
