"""The papers' claims beside what was measured here: gain over the baseline, its interval, an exact test, a verdict."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from engine.data.glue import LAYOUTS, PREFIX, glue_name
from engine.methods import METHODS
from engine.runs.config import TrainConfig, is_pretraining
from engine.runs.run import Run
from engine.statistics import bootstrap, sign_flip
from engine.studies.budget import passes_of_step
from engine.studies.published import SOURCES, gains
from engine.studies.results import LEAST_SEEDS, mark_of

SEEN, NOT_SEEN, OPPOSITE, NOT_TESTABLE = "seen", "not seen", "opposite", "not testable here"
# Built-in data of the same kind as a task of the papers; the task's own files come before them.
STAND_INS = {"SST-2": "movie-sentiment"}
OF_THE_RUN = ("name", "checkpoints", "evaluations", "keep_models")  # What changes no result.


@dataclass(frozen=True)
class Claim:
    """A gain that a paper prints. `row`: as there; `method`: ours; `gain`: over the table's baseline, in points."""

    table: str
    row: str
    method: str
    task: str
    gain: float


@dataclass(frozen=True)
class Entry:
    """A claim and what was measured.

    Attributes:
        data: what it was measured on; `stand_in`: whether that is not the paper's task. "" if nothing was run.
        examples: labelled ones of it that the runs were trained on, None: all.
        model, steps, passes: of the runs; forward passes of a minibatch that the method's runs cost at least.
        seeds: those that both the method and vanilla were run with.
        measured: mean gain over vanilla in points; `low`, `high`: its 95 % bootstrap interval; `p`: exact sign-flip test. These three
            only from `LEAST_SEEDS` seeds on.
        verdict: seen (a difference of the claim's sign), not seen, opposite or not testable here. `why`: in a sentence, where it is the last.
        mark: of runs that have collapsed.
        study: a definition that measures it again.
    """

    claim: Claim
    data: str = ""
    stand_in: bool = False
    examples: int | None = None
    model: str = ""
    steps: int = 0
    passes: float = 0.0
    seeds: int = 0
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    verdict: str = NOT_TESTABLE
    why: str = ""
    mark: str = ""
    study: dict[str, Any] | None = None


def claims() -> list[Claim]:
    """The gains in the papers' tables of methods that there are here, in the tables' order."""
    titles = {each.title.lower(): each.name for each in METHODS.all()}
    found = []
    for table in SOURCES:
        for row, task, gain in gains(table):
            method = titles.get(row.split()[0].split("(")[0].lower())
            if method is not None:
                found.append(Claim(table, row, method, task, gain))
    return found


def data_of(task: str, runs: Sequence[Run]) -> list[str]:
    """Data sets on which a claim about a task can be measured: the task's own files that there are runs on, then the stand-in."""
    own = {
        run.config["dataset"]
        for run in runs
        if run.config["dataset"].startswith(PREFIX)
        and LAYOUTS[glue_name(run.config["dataset"])[0]].title.split("-m")[0] == task
    }
    return [*sorted(own), *([STAND_INS[task]] if task in STAND_INS else [])]


def entry_of(claim: Claim, runs: Sequence[Run]) -> Entry:
    """A claim with the largest comparison among completed runs: a method's and vanilla's that differ in nothing else.

    The largest has the most seeds; of those, the most labelled examples; of those, the most steps.
    """
    data = data_of(claim.task, runs)
    if not data:
        return Entry(
            claim, why=f"There is no data of this kind here: runs on glue/{claim.task.lower()}@FOLDER would do."
        )
    best = Entry(
        claim, data[0], data[0] in STAND_INS.values(), study=study_of(claim.method, data[0]), why="Nothing was run."
    )
    for name in data:
        found = [
            [(with_method[seed], base[seed]) for seed in sorted(set(with_method) & set(base))]
            for with_method, base in pairs_of(claim.method, name, runs)
        ]
        if largest := max(filter(None, found), key=size_of, default=None):
            return compared(best, name, largest)  # The task's own data come first.
    return best


def size_of(pairs: Sequence[tuple[Run, Run]]) -> tuple[float, ...]:
    """How large a comparison is: its seeds, labelled examples, steps."""
    run, _ = pairs[0]
    limit = run.config.get("train_limit")
    return len(pairs), math.inf if limit is None else limit, run.step


def pairs_of(method: str, dataset: str, runs: Sequence[Run]) -> list[tuple[dict[int, Run], dict[int, Run]]]:
    """(seed → run of the method, seed → run of vanilla) for every configuration and setting of the method that there is."""
    groups: dict[str, dict[tuple[str, str], dict[int, Run]]] = {}
    for run in runs:
        config = run.config
        if run.status != "completed" or config["dataset"] != dataset or config["method"] not in (method, "vanilla"):
            continue
        same = {
            key: value for key, value in config.items() if key not in ("method", "method_settings", "seed", *OF_THE_RUN)
        }
        own = config["method"], json.dumps(config["method_settings"], sort_keys=True)
        groups.setdefault(json.dumps(same, sort_keys=True), {}).setdefault(own, {})[config["seed"]] = run
    found = []
    for kinds in groups.values():
        base = next((each for (name, _), each in kinds.items() if name == "vanilla"), None)
        found += [(each, base) for (name, _), each in kinds.items() if base and name == method]
    return found


def compared(entry: Entry, dataset: str, pairs: Sequence[tuple[Run, Run]]) -> Entry:
    """The entry with what pairs of runs, method and vanilla of one seed, say."""
    ours = [run for run, _ in pairs]
    metric = ours[0].metrics["main_metric"]
    differences = [100 * (float(run.metrics[metric]) - float(base.metrics[metric])) for run, base in pairs]
    enough = len(pairs) >= LEAST_SEEDS
    # Of few seeds an interval would say less than it seems to.
    low, high = bootstrap(differences) if enough else (None, None)
    mean, p = fmean(differences), sign_flip(differences) if enough else None
    verdict, why = verdict_of(entry.claim.gain, mean, p)
    config = TrainConfig.build(ours[0].config)
    return replace(
        entry, data=dataset, stand_in=dataset in STAND_INS.values(), examples=config.train_limit, model=config.model, steps=ours[0].step,
        passes=ours[0].step * passes_of_step(config), seeds=len(pairs), measured=mean, low=low, high=high, p=p, verdict=verdict,
        why=why if enough else f"{len(pairs)} seed{'s' * (len(pairs) != 1)}: a test needs {LEAST_SEEDS} at least.",
        mark=mark_of([run for pair in pairs for run in pair]), study=study_of(config.method, dataset, ours[0].config),
    )  # fmt: skip


def verdict_of(claimed: float, measured: float, p: float | None) -> tuple[str, str]:
    """What a mean and its test say of a claim, and why where they say nothing: the signs are compared, not the sizes."""
    if p is None:
        return NOT_TESTABLE, ""
    if p < 0.05:
        return (SEEN if claimed * measured > 0 else OPPOSITE), ""
    return (NOT_SEEN, "") if claimed else (NOT_TESTABLE, "The paper prints no difference, and no test can show that.")


def study_of(method: str, dataset: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A study of ten seeds that measures a method against vanilla; `config`: of a run whose settings it takes."""
    names = ("max_steps", "batch_size", "learning_rate", "train_limit", "max_length")
    run = {name: config[name] for name in names if config.get(name) is not None} if config else {"max_steps": 150}
    study: dict[str, Any] = {
        "name": f"ledger: {method}", "methods": ["vanilla", method], "datasets": [dataset], "seeds": list(range(10)), "run": run,
    }  # fmt: skip
    return study | {"models": [config["model"]], "settings": {method: config["method_settings"]}} if config else study


def ledger(runs: Sequence[Run]) -> list[Entry]:
    """Every claim with what there is on it."""
    usable = [run for run in runs if not is_pretraining(run.config["method"])]
    return [entry_of(claim, usable) for claim in claims()]
