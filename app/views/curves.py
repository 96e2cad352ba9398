"""Runs over one another."""

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.curves import Curves, RunCurves

view = VIEWS.add(Views("curves", "runs"))

# What is drawn of a run, in this order: logged figure → axis title.
CURVES = {
    "loss": "training loss (nats)",
    "eval_accuracy": "validation accuracy",
    "eval_f1": "validation F1",
    "eval_matthews": "validation Matthews correlation",
    "eval_pearson": "validation Pearson r",
    "eval_spearman": "validation Spearman ρ",
    "eval_loss": "validation loss (nats)",
    "delta_norm": "mean ‖δ‖ (Frobenius, units of the site)",
    "smoothness_kl": "SMART's ℓₛ (nats)",
    "eval_auc": "validation AUC of the discriminator",
    "eval_precision": "precision of the discriminator",
    "eval_recall": "recall of the discriminator",
    "eval_generator_accuracy": "accuracy of the generator",
    "eval_generator_top5": "share of masked tokens among the generator's first five",
    "mlm_loss": "generator's loss (nats)",
    "discriminator_loss": "discriminator's loss (nats)",
    "eval_correction_accuracy": "share of words put right",
    "learning_rate": "learning rate",
}


def _titles(found: Curves) -> dict[str, RunCurves]:
    """By title; the end of the id is added where two runs have the same."""
    titles = [run.title for run in found.runs.values()]
    return {
        run.title if titles.count(run.title) == 1 else f"{run.title} ({key[-6:]})": run
        for key, run in found.runs.items()
    }


@view("curve", "Runs over one another")
def curve(found: Curves, *, figure: str = "loss") -> Figure:
    """One logged figure of every run."""
    curves = {title: run.curves[figure] for title, run in _titles(found).items() if run.curves.get(figure)}
    return Figure(figures.lines(curves, "optimiser step", CURVES.get(figure, figure)))


@view("results", "What runs reached")
def results(found: Curves) -> Figure:
    """The main metric of every run that ended and shares it with the first."""
    metrics = {title: run.metrics for title, run in _titles(found).items() if run.metrics.get("main_metric")}
    name = next(iter(metrics.values()))["main_metric"] if metrics else "metric"
    values = {title: each[name] for title, each in metrics.items() if each["main_metric"] == name}
    return Figure(figures.bars({"result": values}, "run", f"validation {name}"))
