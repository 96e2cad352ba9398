"""Studies: methods × settings × seeds × data sets × models, declared in a file or in the app; and their cells."""

import hashlib
import itertools
import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.data.builtin import TASKS
from engine.data.glue import PREFIX, glue_name
from engine.data.sources import reading_of
from engine.digests import digest_of
from engine.errors import UserError
from engine.home import home
from engine.model_names import BUILTIN
from engine.paths import exists, path_of, regular_file, whole
from engine.runs.config import TrainConfig, is_pretraining
from engine.studies.budget import within

MOST_CELLS = 1000
MOST_STUDY = 2**20  # Bytes of a study's file.
STUDY_SUFFIXES = (".toml", ".yaml", ".yml")
WRONG = {  # What the validator's kinds of errors are called.
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "list_type": "must be a list",
    "dict_type": "must be a table of settings",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most 80 characters",
}


class Study(BaseModel):
    """What is compared.

    Attributes:
        name: for people.
        methods: their names; all combinations with data sets, models and seeds are trained.
        datasets: their names.
        models: their names.
        seeds: of everything random.
        run: settings of every run (`max_steps`, `batch_size`, …).
        settings: of a method, by its name; a list of values is a sweep over them.
        budget: what a run may cost, in forward passes of a minibatch (backward to the inputs, or to the weights: one more each; a
            step of vanilla is 3); every method takes as many steps as that allows, in the place of `max_steps`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("study", min_length=1, max_length=80)
    methods: list[str] = Field(min_length=1)
    datasets: list[str] = Field(default_factory=lambda: ["movie-sentiment"], min_length=1)
    models: list[str] = Field(default_factory=lambda: ["minilm"], min_length=1)
    seeds: list[int] = Field(default_factory=lambda: [0, 1, 2], min_length=1)
    run: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    budget: float | None = Field(None, gt=0, le=1e9)


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
        wrong = WRONG.get(first["type"], f"is not right ({first['msg'][:120]})")
        raise UserError(f"The study's {at[:60]} {wrong}. A study has {', '.join(Study.model_fields)}.") from None


def read_study(path: Path) -> Study:
    """A study from a TOML or YAML file.

    Raises:
        UserError: it cannot be read; says why.
    """
    if path.suffix not in STUDY_SUFFIXES:
        raise UserError(f"{path.name[:80]}: a study's file must end in {', '.join(STUDY_SUFFIXES)}.")
    path = regular_file(path_of(path), "The study", MOST_STUDY)
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            document: Any = tomllib.loads(text)
        else:
            import yaml

            document = yaml.safe_load(text)
    except OSError as problem:
        raise UserError(f"The study {path} cannot be read: {problem.strerror or problem}.") from None
    except Exception as problem:  # tomllib, yaml and decoding raise different kinds.
        reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
        raise UserError(f"{path.name} is not a readable study: {reason}.") from None
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
    if study.budget is not None and {"max_steps", "epochs"} & set(study.run):
        raise UserError(
            "A study has either a budget, or run.max_steps or run.epochs: the budget says how many steps there are."
        )
    _check_count(study)
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
                config = within(study.budget, config)
                found.append(StudyCell(method, varied, dataset, model, seed, config, key_of(config.as_dict())))
    return found


def _check_count(study: Study) -> None:
    """Count the runs before any of them is made: a short file may ask for millions."""
    settings = [study.settings.get(method, {}).values() for method in dict.fromkeys(study.methods)]
    sweeps = sum(math.prod(len(value) for value in values if isinstance(value, list)) for values in settings)
    count = sweeps * len(study.datasets) * len(study.models) * len(study.seeds)
    if count > MOST_CELLS:
        raise UserError(f"The study has more than {MOST_CELLS} runs ({count:,}): compare less at a time.")


def _content(name: str) -> str:
    """A fingerprint of a local file's or folder's content; "" for names."""
    place = glue_name(name)[1] if name.startswith(PREFIX) else reading_of(name)[0]
    if not place or not exists(place):
        return ""
    path = path_of(place)
    return digest_of(sorted([path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]))


def key_of(config: Mapping[str, Any]) -> str:
    """The same for runs that would end the same: of the configuration without its name, and of local data and models."""
    plain = {
        name: value
        for name, value in config.items()
        if name not in ("name", "checkpoints", "keep_models") and (name, value) != ("train_limit", None)
    }
    content = {
        name: _content(str(config[name]))
        for name, known in (("dataset", TASKS), ("model", BUILTIN))
        if config[name] not in known
    }
    return hashlib.sha256(json.dumps([plain, content], sort_keys=True).encode()).hexdigest()[:24]


def saved_studies() -> dict[str, Path]:
    """The studies declared in the app, by name, as the files that `python -m engine study` takes."""
    return {path.stem: path for path in sorted((home() / "studies").glob("*.yaml"))}


def save_study(study: Study, *, replace: bool = False) -> Path:
    """Keep a study under its name; letters and digits of it make the file's name.

    Args:
        replace: take the place of another study of that name.

    Raises:
        UserError: its cells are not valid, or another study has the name.
    """
    import yaml

    cells(study)
    stem = re.sub(r"[^\w-]+", "-", study.name.lower()).strip("-")[:60] or "study"
    target = home() / "studies" / f"{stem}.yaml"
    target.parent.mkdir(exist_ok=True)
    text = yaml.safe_dump(study.model_dump(), allow_unicode=True, sort_keys=False)
    if not replace and target.exists() and target.read_text(encoding="utf-8") != text:
        raise UserError(f"There is a study named {stem} already, which compares something else: choose another name.")
    with whole(target) as partial:
        partial.write_text(text, encoding="utf-8")
    return target
