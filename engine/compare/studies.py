"""Studies: methods × settings × seeds × data sets × models, as runs in the queue; a cell is never trained twice."""

import hashlib
import itertools
import json
import os
import re
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.data.builtin import TASKS
from engine.data.glue import PREFIX, glue_name
from engine.digests import digest_of
from engine.errors import UserError
from engine.home import home
from engine.models import BUILTIN
from engine.runs import queue
from engine.runs.config import TrainConfig, is_pretraining
from engine.runs.store import ACTIVE, RESUMABLE, Run, Store

MOST_CELLS = 1000


class Study(BaseModel):
    """What is compared.

    Attributes:
        name: for people. methods, datasets, models, seeds: all combinations are trained. run: settings of every run
            (`max_steps`, `batch_size`, …). settings: of a method, by its name; a list of values is a sweep over them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("study", min_length=1, max_length=80)
    methods: list[str] = Field(min_length=1)
    datasets: list[str] = Field(default_factory=lambda: ["movie-sentiment"], min_length=1)
    models: list[str] = Field(default_factory=lambda: ["minilm"], min_length=1)
    seeds: list[int] = Field(default_factory=lambda: [0, 1, 2], min_length=1)
    run: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)


@dataclass(frozen=True)
class StudyCell:
    """One run of a study. `swept`: the settings that the study varies; `key`: the same for the same content."""

    method: str
    swept: dict[str, Any]
    dataset: str
    model: str
    seed: int
    config: TrainConfig
    key: str

    @property
    def label(self) -> str:
        """The method with what is swept, as a row is named."""
        return ", ".join([self.method, *(f"{name} = {value}" for name, value in self.swept.items())])

    def named(self, study: str) -> TrainConfig:
        """Its configuration, with a name for people."""
        return replace(self.config, name=f"{study}: {self.label}, seed {self.seed}"[:80])


def study_from(document: Mapping[str, Any]) -> Study:
    """A study from plain values.

    Raises:
        UserError: says what is wrong, and what is allowed.
    """
    try:
        return Study.model_validate(dict(document))
    except ValidationError as problem:
        first = problem.errors()[0]
        at = ".".join(map(str, first["loc"]))
        allowed = ", ".join(Study.model_fields)
        raise UserError(f"The study's {at}: {first['msg'][:120]}. A study has {allowed}.") from None


def read_study(path: Path) -> Study:
    """A study from a TOML or YAML file.

    Raises:
        UserError: it cannot be read; says why.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            document: Any = tomllib.loads(text)
        elif path.suffix in (".yaml", ".yml"):
            import yaml

            document = yaml.safe_load(text)
        else:
            raise UserError(f"{path.name}: a study's file must end in .toml, .yaml or .yml.")
    except OSError as problem:
        raise UserError(f"The study {path} cannot be read: {problem.strerror or problem}.") from None
    except UserError:
        raise
    except Exception as problem:  # tomllib, yaml and decoding raise different kinds.
        raise UserError(f"{path.name} is not a readable study: {str(problem).splitlines()[0][:160]}.") from None
    if not isinstance(document, dict):
        raise UserError(f"{path.name} must hold the study's fields: {', '.join(Study.model_fields)}.")
    return study_from(document)


def cells(study: Study) -> list[StudyCell]:
    """All runs of a study, in order; vanilla first where it is among the methods.

    Raises:
        UserError: an unknown method or setting, or more than 1,000 cells.
    """
    strange = sorted(set(study.settings) - set(study.methods))
    if strange:
        raise UserError(f"The study has settings of {', '.join(strange)}, which is not among its methods.")
    for method in study.methods:
        if is_pretraining(method):
            raise UserError(f"{method} pre-trains: a study compares methods of fine-tuning.")
    found = []
    methods = sorted(dict.fromkeys(study.methods), key=lambda name: name != "vanilla")
    for dataset, model, method in itertools.product(study.datasets, study.models, methods):
        given = study.settings.get(method, {})
        swept = {name: values for name, values in given.items() if isinstance(values, list)}
        fixed = {name: value for name, value in given.items() if name not in swept}
        for chosen in itertools.product(*swept.values()):
            varied = dict(zip(swept, chosen, strict=True))
            for seed in study.seeds:
                config = TrainConfig.build(
                    {"evaluations": 1, "checkpoints": 2, **study.run, "method": method, "dataset": dataset, "model": model,
                     "seed": seed, "method_settings": {**fixed, **varied}},
                )  # fmt: skip
                found.append(StudyCell(method, varied, dataset, model, seed, config, key_of(config.as_dict())))
            if len(found) > MOST_CELLS:
                raise UserError(f"The study has more than {MOST_CELLS} runs: compare less at a time.")
    return found


def _content(name: str) -> str:
    """A fingerprint of a local file's or folder's content; "" for names."""
    place = glue_name(name)[1] if name.startswith(PREFIX) else name
    path = Path(place).expanduser()
    if not place or not path.exists():
        return ""
    return digest_of(sorted([path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]))


def key_of(config: Mapping[str, Any]) -> str:
    """The same for runs that would end the same: of the configuration without its name, and of local data and models."""
    plain = {name: value for name, value in config.items() if name not in ("name", "checkpoints", "keep_models")}
    content = {
        name: _content(str(config[name]))
        for name, known in (("dataset", TASKS), ("model", BUILTIN))
        if config[name] not in known
    }
    return hashlib.sha256(json.dumps([plain, content], sort_keys=True).encode()).hexdigest()[:24]


def _key_of_run(run: Run) -> str:
    if "cell" in run.info:
        return str(run.info["cell"])
    # What a file held when another run read it is not known: such a run counts only for built-in data and models.
    return key_of(run.config) if run.config["dataset"] in TASKS and run.config["model"] in BUILTIN else ""


def runs_of(wanted: Sequence[StudyCell]) -> dict[str, Run]:
    """The best run there is for each cell, by its key: completed before active before one that could be resumed."""
    rank = {"completed": 0, "running": 1, "starting": 1, "queued": 2}
    keys = {cell.key for cell in wanted}
    found: dict[str, Run] = {}
    for run in Store().all():
        if is_pretraining(run.config["method"]):
            continue
        key = _key_of_run(run)
        if key in keys and (key not in found or rank.get(run.status, 3) < rank.get(found[key].status, 3)):
            found[key] = run
    return found


def advance(wanted: Sequence[StudyCell], name: str = "", *, restart: bool = False) -> dict[str, Run]:
    """Queue what is missing and resume what crashed; returns the cells' runs as they are now.

    A run that was cancelled by hand is resumed only with `restart`; one that failed (bad input, out of memory) never.
    """
    queue.advance()
    there = runs_of(wanted)
    for cell in wanted:
        run = there.get(cell.key)
        if run is None:
            queue.submit(cell.named(name), {"cell": cell.key})
        elif run.status == "crashed" or (restart and run.status == "cancelled"):
            queue.resume(run.id)
    return runs_of(wanted)


def progress_of(wanted: Sequence[StudyCell], runs: Mapping[str, Run]) -> dict[str, int]:
    """How many cells are `completed`, `active`, `queued`, `failed` and `missing`."""
    states = [runs[cell.key].status if cell.key in runs else "missing" for cell in wanted]
    return {
        "completed": states.count("completed"),
        "active": sum(state in ACTIVE for state in states),
        "queued": states.count("queued"),
        "failed": sum(state in RESUMABLE for state in states),
        "missing": states.count("missing"),
    }


def check_inputs(wanted: Sequence[StudyCell]) -> None:
    """Look at every data set and model of a study before any of its runs exists.

    Raises:
        UserError: says what is wrong.
    """
    from engine.runs.build import check

    for config in {(cell.dataset, cell.model): cell.config for cell in wanted}.values():
        check(config)


def train_in_queue(wanted: Sequence[StudyCell], name: str, said: Callable[[dict[str, int]], None]) -> dict[str, Run]:
    """Train what is missing of a study through the queue; returns the cells' runs as they are then.

    Args:
        said: called with the cells' progress whenever it changes.
    """
    runs = advance(wanted, name, restart=True)
    last: dict[str, int] = {}
    while True:
        state = progress_of(wanted, runs)
        if state != last:
            said(state)
            last = state
        if not state["active"] + state["queued"] + state["missing"]:
            return runs
        time.sleep(1.0)
        runs = advance(wanted, name)


def saved_studies() -> dict[str, Path]:
    """The studies declared in the app, by name, as the files that `python -m engine study` takes."""
    return {path.stem: path for path in sorted((home() / "studies").glob("*.yaml"))}


def save_study(study: Study) -> Path:
    """Keep a study under its name; letters and digits of it make the file's name.

    Raises:
        UserError: its cells are not valid, or another study has the name.
    """
    import yaml

    cells(study)
    stem = re.sub(r"[^\w-]+", "-", study.name.lower()).strip("-")[:60] or "study"
    target = home() / "studies" / f"{stem}.yaml"
    target.parent.mkdir(exist_ok=True)
    text = yaml.safe_dump(study.model_dump(), allow_unicode=True, sort_keys=False)
    if target.exists() and target.read_text(encoding="utf-8") != text:
        raise UserError(f"There is a study named {stem} already, which compares something else: choose another name.")
    partial = target.with_suffix(f".{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    return target
