"""What a study found."""

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.study import StudyResults
from engine.runs.run import marked
from engine.studies.results import table

view = VIEWS.add(Views("study", "compare", part="Studies"))


@view("table", "What a study found")
def study_table(found: StudyResults) -> Table:
    """Median, lowest and highest over the seeds, costs, and what can be said against vanilla."""
    return Table(table(found.rows, ("★ ", "")) if found.rows else pd.DataFrame())


@view("scores", "Every seed's result")
def study_scores(found: StudyResults, *, dataset: str | None = None) -> Figure:
    """One point per run, a line at the median; of one data set (None: the first)."""
    chosen = [row for row in found.rows if row["dataset"] == (dataset or found.rows[0]["dataset"])]
    made = figures.figure("method", f"validation {chosen[0]['metric']}", 340)
    several = len({row["model"] for row in chosen}) > 1
    names = [
        marked(f"{row['label']} ({row['model']})" if several else row["label"], row.get("mark", "")) for row in chosen
    ]
    for place, row in enumerate(chosen):
        values = list(row["values"].values())
        made.add_scatter(
            x=[place] * len(values), y=values, mode="markers", marker={"color": figures.SERIES[0], "size": 9, "opacity": 0.7},
            customdata=list(row["values"]), hovertemplate=f"{figures.escape(names[place])}<br>seed %{{customdata}}: %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
        made.add_scatter(
            x=[place - 0.3, place + 0.3], y=[row["median"]] * 2, mode="lines", hoverinfo="skip",
            line={"color": figures.SERIES[1], "width": 3},
        )  # fmt: skip
    made.update_layout(showlegend=False)
    every = [value for row in chosen for value in row["values"].values()]
    if len(set(every)) == 1:  # Plotly would draw one unit up and down.
        made.update_yaxes(range=[every[0] - 0.05, every[0] + 0.05])
    made.update_xaxes(tickvals=list(range(len(names))), ticktext=[figures.escape(name) for name in names])
    return Figure(made)


@view("sweep", "A setting's effect")
def study_sweep(found: StudyResults, *, setting: str) -> Figure:
    """Median result against a swept setting, one line per method and data set, with the range over the seeds.

    Values that are no numbers (`none`, names) stand in the order of the study.
    """
    curves: dict[str, list[tuple[float, float]]] = {}
    bands: dict[str, list[tuple[float, float]]] = {}
    rows = [row for row in found.rows if setting in row["swept"]]
    names = list(dict.fromkeys(str(row["swept"][setting]) for row in rows))
    try:
        places = {name: float(name) for name in names}
        ticks = None
    except ValueError:
        places = {name: float(place) for place, name in enumerate(names)}
        ticks = names
    for row in sorted(rows, key=lambda row: places[str(row["swept"][setting])]):
        others = ", ".join(f"{name} = {value}" for name, value in row["swept"].items() if name != setting)
        name = " · ".join(filter(None, [row["method"], row["dataset"], row["model"], others]))
        curves.setdefault(name, []).append((places[str(row["swept"][setting])], row["median"]))
        bands.setdefault(name, []).append((row["lowest"], row["highest"]))
    metric = found.rows[0]["metric"] if found.rows else "result"
    made = figures.lines(curves, setting.replace("_", " "), f"validation {metric}, median", bands=bands)
    if ticks is not None:
        made.update_xaxes(tickvals=list(range(len(ticks))), ticktext=[figures.escape(name) for name in ticks])
    return Figure(made)
