"""Makes docs/gains.md and docs/ledger.md: where does adversarial training gain, on clean data and under attack?

    python benchmarks/gains.py [--pieces "movie 100" …] [--seeds 10] [--mrpc FOLDER]

Every piece is a study of vanilla and six methods with ten seeds, at most two hours on two cores (`DELTABOOK_PARALLEL=2
OMP_NUM_THREADS=1`). How far δ goes is chosen beforehand for every data set, on a part of its training data (the rule stands
on the page). What was measured is kept in docs/gains.json, so that a stopped command goes on, on another machine too; the
models are deleted once they were attacked. The pages are written after every piece.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.process import wait_politely

wait_politely()

from benchmarks import gains_pages
from benchmarks.writing import DOCS, written
from engine.analysis.pareto import ParetoSettings, attacked
from engine.data.sources import load_dataset
from engine.home import home
from engine.methods import get_method
from engine.runs.run import Run
from engine.studies import studies, training

METHODS = ["vanilla", "pgd", "freelb", "smart", "textat", "r3f", "neftune"]
# What is chosen among: the published or default lengths of δ (the middle or the first), times these.
FACTORS = {
    "pgd": (("epsilon", "step_size"), (1 / 3, 1, 3)),
    "freelb": (("epsilon", "step_size", "start_magnitude"), (1 / 3, 1, 3)),
    "textat": (("epsilon", "step_size", "start_magnitude"), (1 / 3, 1, 3)),
    "smart": (("epsilon", "step_size", "start_sigma"), (1, 30, 1000)),
    "r3f": (("magnitude",), (1, 30, 1000)),
    "neftune": (("magnitude",), (1 / 3, 1, 3)),
}
CHOICE = {"examples": 300, "steps": 80, "held": 800, "seeds": 2}
PIECES = {  # Data set, labelled examples (None: all), optimiser steps.
    "movie 100": ("movie-sentiment", 100, 60),
    "movie 300": ("movie-sentiment", 300, 100),
    "movie 1000": ("movie-sentiment", 1000, 150),
    "movie": ("movie-sentiment", None, 300),
    "product 100": ("product-sentiment", 100, 60),
    "product": ("product-sentiment", None, 200),
    "mrpc": ("glue/mrpc", None, 150),
}
RUN = {"batch_size": 16, "evaluations": 1, "checkpoints": 1, "max_length": 64}
ATTACK = ParetoSettings(definition={}, attack="apgd", epsilon=0.1, steps=5, limit=60)
RULE = (
    "For every data set {held} of its *training* examples are held out; each method is trained with each of three factors of its"
    " default lengths (ε, step size, start) on {examples} of the others for {steps} steps, with {seeds} seeds. The factor of the"
    " highest mean accuracy on the held-out examples is used in all pieces of that data set (of two as good, the one nearer to no"
    " perturbation). Nothing that is reported above had a part in it. It is a small search, by a mean that chance alone moves by"
    " about a point; the learning rate and the number of steps, vanilla's too, are not searched at all."
)
KEPT = DOCS / "gains.json"


def scaled(method: str, factor: float) -> dict[str, float]:
    """A method's settings with its lengths of δ times a factor."""
    default = get_method(method)().settings
    return {name: float(f"{factor * getattr(default, name):.3g}") for name in FACTORS[method][0]}


def kept() -> dict[str, dict[str, Any]]:
    """What was measured: a cell in words → its figures."""
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def named(cell: studies.StudyCell, piece: str) -> str:
    """A cell in words that are the same on every machine."""
    own = {**cell.config.method_settings, "steps": cell.config.max_steps}
    lengths = ", ".join(f"{name} {own[name]:g}" for name in [*FACTORS.get(cell.method, [()])[0], "steps"])
    return f"{piece}: {cell.method} ({lengths}), seed {cell.seed}"


def measured(piece: str, cells: Sequence[studies.StudyCell], *, attack: bool) -> dict[str, Run]:
    """The cells' completed runs with what the attack left as the metric `robust`, by the cells' keys; trains what is missing."""
    wanted = [cell for cell in cells if named(cell, piece) not in kept()]

    def keep(state: object) -> None:
        print(f"{piece}: {state}", file=sys.stderr, flush=True)
        runs = training.runs_of(wanted)
        for cell in wanted:
            run, name = runs.get(cell.key), named(cell, piece)
            if run is None or run.status != "completed" or name in (known := kept()):
                continue
            found = {"metrics": dict(run.metrics), "step": run.step, "seconds": round(run.seconds, 1)}
            if attack:
                found["metrics"]["robust"] = attacked(cell, run, ATTACK, None)
            KEPT.write_text(json.dumps(known | {name: found}, indent=1) + "\n")
            shutil.rmtree(run.model_folder, ignore_errors=True)

    if wanted:
        progress = training.progress_of(wanted, training.train_in_queue(wanted, piece, keep))
        keep(progress)
        if progress["failed"]:
            raise SystemExit(f"{progress['failed']} runs did not complete: see `python -m engine runs`.")
    found = kept()
    return {cell.key: remembered(cell, found[named(cell, piece)]) for cell in cells}


def remembered(cell: studies.StudyCell, figures_: Mapping[str, Any]) -> Run:
    """A completed run as it was kept."""
    return Run(
        id="", name="", config=cell.config.as_dict(), status="completed", created=0.0, started=None, finished=None,
        max_steps=cell.config.max_steps, message="", **figures_,
    )  # fmt: skip


def cells_of(
    dataset: str, examples: int | None, steps: int, seeds: int, settings: dict[str, dict[str, Any]]
) -> list[studies.StudyCell]:
    """The cells of a piece."""
    run = {**RUN, "max_steps": steps, "train_limit": examples}
    return studies.cells(
        studies.study_from(
            {"name": "gains", "methods": list(settings), "datasets": [dataset], "seeds": list(range(seeds)), "run": run, "settings": settings}
        )
    )  # fmt: skip


def chosen(dataset: str) -> dict[str, dict[float, float]]:
    """Method → factor of its lengths → held-out accuracy (mean over seeds), on a part of the training data that is held out.

    Validation and test are not looked at.
    """
    inner = home() / "inner" / short(dataset)
    inner.mkdir(parents=True, exist_ok=True)
    train = load_dataset(dataset).splits["train"].sample(frac=1.0, random_state=0)
    for part, rows in (("dev", train[: CHOICE["held"]]), ("train", train[CHOICE["held"] :])):
        rows.to_json(inner / f"{part}.jsonl", orient="records", lines=True)
    cells = {
        (method, factor): cells_of(str(inner), CHOICE["examples"], CHOICE["steps"], CHOICE["seeds"], {method: scaled(method, factor)})
        for method, (_, factors) in FACTORS.items()
        for factor in factors
    }  # fmt: skip
    runs = measured(f"choice on {inner.name}", [cell for each in cells.values() for cell in each], attack=False)
    found: dict[str, dict[float, float]] = {}
    for (method, factor), each in cells.items():
        found.setdefault(method, {})[factor] = fmean(runs[cell.key].metrics["accuracy"] for cell in each)
    return found


def best(accuracies: Mapping[float, float]) -> float:
    """The factor of the highest held-out accuracy; of two as good the first, which is nearer to no perturbation."""
    return max(accuracies, key=lambda factor: accuracies[factor])


def short(dataset: str) -> str:
    """A data set's name without its folder."""
    return dataset.split("@")[0].replace("/", "-")


def piece_of(name: str, mrpc: str, seeds: int) -> tuple[list[studies.StudyCell], dict[str, dict[float, float]]]:
    """A piece's cells, and what its lengths were chosen by."""
    dataset, examples, steps = PIECES[name]
    dataset = f"{dataset}@{mrpc}" if dataset.startswith("glue/") else dataset
    choice = chosen(dataset)
    settings = {method: scaled(method, best(choice[method])) if method in choice else {} for method in METHODS}
    return cells_of(dataset, examples, steps, seeds, settings), choice


def main() -> None:
    """Choose, train, attack, write; piece by piece."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pieces",
        nargs="+",
        choices=list(PIECES),
        default=list(PIECES),
        help="what is trained; all that is there is on the pages",
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--mrpc", default="", help="folder of MRPC in the published layout")
    options = parser.parse_args()
    done: dict[str, gains_pages.Piece] = {}
    for name in PIECES:
        if PIECES[name][0].startswith("glue/") and not options.mrpc:
            print(f"{name} is left out: it needs --mrpc FOLDER.", file=sys.stderr)
            continue
        if name not in options.pieces and not any(of.startswith(f"{name}: ") for of in kept()):
            continue
        cells, choice = piece_of(name, options.mrpc, options.seeds)
        if name in options.pieces or all(named(cell, name) in kept() for cell in cells):
            dataset, examples, steps = PIECES[name]
            runs = measured(name, cells, attack=True)
            done[name] = gains_pages.Piece(
                short(dataset),
                examples,
                steps,
                cells,
                runs,
                choice,
                {method: best(of) for method, of in choice.items()},
            )
            for page, lines in gains_pages.pages(done, ATTACK, RULE.format(**CHOICE)).items():
                print(written(page, lines))


if __name__ == "__main__":
    main()
