"""Views of what runs left: curves over one another, TextAT's table."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from app import figures
from app.shown import Figure, Table
from app.views.base import view

NORM = "‖Z[w]‖ (embedding units)"
# What is drawn of a run, in this order: logged figure → axis title.
CURVES = {
    "loss": "training loss (nats)",
    "eval_accuracy": "validation accuracy",
    "eval_f1": "validation F1",
    "eval_matthews": "validation Matthews correlation",
    "eval_pearson": "validation Pearson r",
    "eval_spearman": "validation Spearman ρ",
    "eval_loss": "validation loss (nats)",
    "delta_norm": "mean ‖δ‖ (Frobenius, embedding units)",
    "smoothness_kl": "SMART's ℓₛ (nats)",
    "eval_auc": "validation AUC of the discriminator",
    "eval_precision": "precision of the discriminator",
    "eval_recall": "recall of the discriminator",
    "eval_generator_accuracy": "accuracy of the generator",
    "mlm_loss": "generator's loss (nats)",
    "discriminator_loss": "discriminator's loss (nats)",
    "eval_correction_accuracy": "share of words put right",
    "learning_rate": "learning rate",
}


def _titles(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """By title; the end of the id is added where two runs have the same."""
    titles = [run["title"] for run in found.values()]
    return {
        run["title"] if titles.count(run["title"]) == 1 else f"{run['title']} ({key[-6:]})": run
        for key, run in found.items()
    }


@view("curves", "curve", "Runs over one another", "runs")
def curve(found: Mapping[str, Mapping[str, Any]], *, figure: str = "loss") -> Figure:
    """One logged figure of every run."""
    curves = {title: run["curves"][figure] for title, run in _titles(found).items() if run["curves"].get(figure)}
    return Figure(figures.lines(curves, "optimiser step", CURVES.get(figure, figure)))


@view("curves", "results", "What runs reached", "runs")
def results(found: Mapping[str, Mapping[str, Any]]) -> Figure:
    """The main metric of every run that ended and shares it with the first."""
    metrics = {title: run["metrics"] for title, run in _titles(found).items() if run["metrics"].get("main_metric")}
    name = next(iter(metrics.values()))["main_metric"] if metrics else "metric"
    values = {title: each[name] for title, each in metrics.items() if each["main_metric"] == name}
    return Figure(figures.bars({"result": values}, "run", f"validation {name}"))


@view("table", "largest", "The largest rows of TextAT's table", "table")
def largest(found: Mapping[str, Any]) -> Figure:
    """One bar per row."""
    values = {f"{row['token']} ({row['id']})": row["norm"] for row in found["rows"]}
    hover = [f"{row['token']}: met {row['count']} times" for row in found["rows"]]
    made = figures.bars({"‖Z[w]‖": values}, "token", NORM, hover)
    made.update_xaxes(ticktext=[figures.escape(row["token"]) for row in found["rows"]], tickangle=-45)
    return Figure(made)


@view("table", "growth", "How the largest rows grew", "table")
def growth(found: Mapping[str, Any], *, count: int = 8) -> Figure:
    """‖Z[w]‖ over the training."""
    curves = {row["token"]: row["growth"] for row in found["rows"][:count]}
    return Figure(figures.lines(curves, "optimiser step", NORM))


def _hover(found: Mapping[str, Any]) -> list[str]:
    return [
        f"{token}\nmet {int(count)} times\n‖Z‖ {norm:.4g}"
        for token, count, norm in zip(found["token"], found["count"], found["norm"], strict=True)
    ]


@view("table", "frequency", "Norm of a row against how often its token was met", "table")
def frequency(found: Mapping[str, Any]) -> Figure:
    """All touched rows."""
    every = found["every"]
    return Figure(
        figures.scatter(
            every["count"], every["norm"], "times met in training", NORM, _hover(every), colour=every["part"], log=True,
            height=380,
        )
    )  # fmt: skip


@view("token", "growth", "How one row grew", "table")
def token_growth(found: Mapping[str, Any]) -> Figure:
    """‖Z[w]‖ of one token over the training."""
    return Figure(figures.lines({found["token"]: found["growth"]}, "optimiser step", NORM))


@view("token", "neighbours", "A token's neighbours in three spaces", "table")
def neighbours(found: Mapping[str, Any]) -> Table:
    """The nearest tokens in Z, among the embeddings, and in their sum."""
    columns = {
        f"nearest in {space}": [f"{token} ({distance:.3g})" for token, distance in near]
        for space, near in found["neighbours"].items()
    }
    return Table(pd.DataFrame(columns))


@view("table map", "map", "A map of the rows", "table")
def rows_map(found: Mapping[str, Any], *, colour: str = "norm") -> Figure:
    """UMAP of the rows met most often."""
    values: dict[str, list[Any]] = {
        "norm": [float(norm) for norm in found["norm"]],
        "frequency": [math.log10(count) for count in found["count"]],
        "part": found["part"],
    }
    title = {"norm": "‖Z[w]‖", "frequency": "log₁₀ times met", "part": ""}[colour]
    return Figure(
        figures.scatter(
            found["x"], found["y"], "UMAP 1 (no unit)", "UMAP 2 (no unit)", _hover(found), colour=values[colour],
            colour_title=title,
        )
    )  # fmt: skip
