"""What accuracy and robustness cost: every model of a study attacked, against the forward passes that its training took."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.analysis.robust_accuracy import RobustSettings, robust_accuracy
from engine.errors import UserError
from engine.progress import Progress, part_of
from engine.robustness.attacks import AttackName
from engine.runs.run import Run
from engine.settings import CONFIG, Settings
from engine.statistics import spread
from engine.studies.results import results
from engine.studies.studies import StudyCell, cells, study_from
from engine.studies.training import runs_of
from engine.subjects.classifier import load_classifier
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class ParetoSettings(Settings):
    """A study, and an attack."""

    definition: dict[str, Any]
    """As in a study's file: name, methods, datasets, models, seeds, run, settings, budget."""
    runs: list[str] = Field(default_factory=list)
    """The completed runs that are looked at, by their ids; []: all of the study."""
    attack: AttackName = "apgd"
    """pgd, margin, apgd, apgd margin, targeted, square (without gradients), or standard: the worst over all of them."""
    epsilon: float = Field(default=0.1, ge=0, le=1e6)
    """Radius ε (Frobenius norm per sentence, embedding units)."""
    steps: int = Field(default=10, ge=1, le=200)
    """K, the number of ascent steps."""
    limit: int = Field(default=50, ge=1, le=2**31 - 1)
    """Validation sentences that are attacked, the same for all models."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of random starts."""


@dataclass(frozen=True)
class ParetoPoint:
    """A method (with what is swept) on one data set and model. `passes`: that a run costs at least, in forward passes of a minibatch;
    `seconds`: median; `clean`, `robust`: seed → accuracy on the whole validation split, and on the sample under the attack.
    """

    label: str
    dataset: str
    model: str
    passes: float
    seconds: float
    clean: dict[int, float]
    robust: dict[int, float]
    mark: str = ""


@dataclass(frozen=True)
class Pareto(Result):
    """`points`: in the study's order."""

    attack: str
    epsilon: float
    limit: int
    points: list[ParetoPoint]

    def text(self) -> str:
        """A row per method."""
        rows = [
            (
                each.label,
                each.dataset,
                f"{each.passes:.0f}",
                f"{each.seconds:.0f}",
                spread(each.clean.values()),
                spread(each.robust.values()),
            )
            for each in self.points
        ]
        said = f"{self.attack}, ε = {self.epsilon:g}, {self.limit} sentences; median (lowest to highest) over the seeds"
        return f"{said}\n\n" + columns(rows, ("method", "data", "forward passes", "time (s)", "clean", "robust"))


def front(points: list[tuple[float, float]]) -> list[int]:
    """Which of some (cost, worth) no other beats in both: their places, by rising cost."""
    found: list[int] = []
    for place in sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1])):
        if not found or points[place][1] > points[found[-1]][1]:
            found.append(place)
    return found


@analysis("pareto", "Cost against accuracy", ParetoSettings, needs="nothing", many=True)
def pareto(nothing: None, asked: ParetoSettings, progress: Progress = None) -> Pareto:
    """Every completed run's model under one attack, on the same sentences of its data set.

    Raises:
        UserError: no run of the study has completed, or its task has no classes.
    """
    wanted = cells(study_from(asked.definition))
    runs = {
        key: run
        for key, run in runs_of(wanted).items()
        if run.status == "completed" and (not asked.runs or run.id in asked.runs)
    }
    rows = results(wanted, runs)
    if not rows:
        raise UserError("No run of this study has completed yet.")
    done = [cell for cell in wanted if cell.key in runs]
    robust = {
        cell.key: attacked(cell, runs[cell.key], asked, part_of(progress, at, len(done)))
        for at, cell in enumerate(done)
    }

    def of(row: dict[str, Any]) -> dict[int, float]:
        same = (row["dataset"], row["model"], row["label"])
        return {cell.seed: robust[cell.key] for cell in done if (cell.dataset, cell.model, cell.label) == same}

    points = [
        ParetoPoint(
            row["label"],
            row["dataset"],
            row["model"],
            row["passes"],
            row["seconds"],
            row["values"],
            of(row),
            row["mark"],
        )
        for row in rows
    ]
    return Pareto(asked.attack, asked.epsilon, asked.limit, points)


def attacked(cell: StudyCell, run: Run, asked: ParetoSettings, progress: Progress) -> float:
    """What the attack leaves of one run's model."""
    classifier = load_classifier(run=run.id)
    if classifier.is_regression:
        raise UserError(f"{cell.dataset} is a regression task: an attack on accuracy needs classes.")
    how = RobustSettings(
        dataset=cell.dataset, limit=asked.limit, attack=asked.attack, epsilons=(asked.epsilon,), steps=asked.steps, restarts=1,
        seed=asked.seed,
    )  # fmt: skip
    return robust_accuracy(classifier, how, progress).curve[0].longer
