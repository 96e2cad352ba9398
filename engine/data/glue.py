"""The tasks of the slides in their published file layouts: GLUE, XNLI, LCQMC, BQ Corpus.

A data set is named `glue/TASK` (from the hub) or `glue/TASK@DIR` (from a local folder, or one below it named as the task).
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from engine.data.rawtable import MOST_BYTES
from engine.data.tasks import Task, TaskData, split_by_text
from engine.errors import UserError, known
from engine.paths import regular_file

PREFIX = "glue/"
ENTAILMENT = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True)
class Layout:
    """Where a task's texts and labels stand.

    Attributes:
        title: as the papers write it.
        texts: their columns by name (CoLA's files have no heads: by number).
        label: its column, likewise.
        labels: class names in order, () for regression; `0` and `1` also stand for the first and second.
        metrics: as GLUE and the papers report.
        files: split → file names, without ending.
        hub: its name on the hub.
    """

    title: str
    texts: tuple[str, ...]
    label: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...] = ("accuracy",)
    files: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("train", ("train",)), ("validation", ("dev", "validation")), ("test", ("test",)),
    )  # fmt: skip
    hub: str = ""
    language: str = "en"


def _mnli(matched: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("train", ("train",)),
        ("validation", (f"dev_{matched}", f"validation_{matched}")),
        ("test", (f"test_{matched}",)),
    )


PARAPHRASE = ("not equivalent", "equivalent")
LAYOUTS = {
    "cola": Layout("CoLA", ("sentence",), "label", ("unacceptable", "acceptable"), ("matthews",), hub="nyu-mll/glue:cola"),
    "sst2": Layout("SST-2", ("sentence",), "label", ("negative", "positive"), hub="nyu-mll/glue:sst2"),
    "mrpc": Layout(
        "MRPC", ("#1 String", "#2 String"), "Quality", PARAPHRASE, ("accuracy", "f1"), hub="nyu-mll/glue:mrpc"
    ),
    "stsb": Layout("STS-B", ("sentence1", "sentence2"), "score", (), ("pearson", "spearman"), hub="nyu-mll/glue:stsb"),
    "qqp": Layout(
        "QQP", ("question1", "question2"), "is_duplicate", ("different", "duplicate"), ("accuracy", "f1"), hub="nyu-mll/glue:qqp"
    ),
    "mnli": Layout("MNLI-m", ("sentence1", "sentence2"), "gold_label", ENTAILMENT, files=_mnli("matched"), hub="nyu-mll/glue:mnli"),
    "mnli-mm": Layout("MNLI-mm", ("sentence1", "sentence2"), "gold_label", ENTAILMENT, files=_mnli("mismatched"), hub="nyu-mll/glue:mnli"),
    "qnli": Layout("QNLI", ("question", "sentence"), "label", ("entailment", "not_entailment"), hub="nyu-mll/glue:qnli"),
    "rte": Layout("RTE", ("sentence1", "sentence2"), "label", ("entailment", "not_entailment"), hub="nyu-mll/glue:rte"),
    "wnli": Layout("WNLI", ("sentence1", "sentence2"), "label", ("not_entailment", "entailment"), hub="nyu-mll/glue:wnli"),
    "ax": Layout(
        "AX", ("sentence1", "sentence2"), "gold_label", ENTAILMENT, ("matthews",),
        (("train", ("train",)), ("validation", ("diagnostic-full", "diagnostic", "ax"))), hub="nyu-mll/glue:ax",
    ),
    "xnli": Layout("XNLI", ("premise", "hypothesis"), "label", ENTAILMENT, files=(
            ("train", ("multinli.train.zh", "train")), ("validation", ("xnli.dev", "dev", "validation")),
            ("test", ("xnli.test", "test")),
        ), hub="facebook/xnli:zh", language="zh"),
    "lcqmc": Layout("LCQMC", ("sentence1", "sentence2"), "label", ("different", "same"), hub="shibing624/nli_zh:LCQMC", language="zh"),
    "bq": Layout("BQ Corpus", ("sentence1", "sentence2"), "label", ("different", "same"), hub="shibing624/nli_zh:BQ", language="zh"),
}  # fmt: skip
# Other heads that copies of these files have.
ALIASES = (
    ("sentence1", "sentence2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("premise", "hypo"),
    ("sentence",),
)
LABELS = ("label", "gold_label", "score", "similarity", "quality")


def glue_name(dataset: str) -> tuple[str, str]:
    """Task and folder ("" where none is given) of a data set's name `glue/TASK` or `glue/TASK@DIR`."""
    task, _, folder = dataset.removeprefix(PREFIX).partition("@")
    return task, folder


def task_of(name: str) -> Task:
    """The task of a name in `LAYOUTS`."""
    layout = LAYOUTS[known("GLUE task", name, list(LAYOUTS))]
    kind = "classification" if layout.labels else "regression"
    return Task(f"{PREFIX}{name}", kind, layout.labels, layout.metrics, layout.title, layout.language, layout.hub)  # type: ignore[arg-type]


def _file(folder: Path, stems: tuple[str, ...]) -> Path | None:
    candidates = [
        folder / f"{stem}{suffix}" for stem in stems for suffix in (".tsv", ".csv", ".txt", ".jsonl", ".parquet")
    ]
    return next((path for path in candidates if path.exists()), None)


def _read(path: Path, name: str) -> pd.DataFrame:
    from engine.data.files import read_table

    if name == "cola" and path.suffix == ".tsv":
        with regular_file(path, "The file", MOST_BYTES).open(encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(2**16).rstrip("\n").split("\t")
        if len(first) == 4:  # As published: source, label, mark, sentence, without heads.
            table = pd.read_csv(
                path, sep="\t", header=None, names=["source", "label", "mark", "sentence"], dtype=str, quoting=csv.QUOTE_NONE,
                keep_default_na=False, encoding="utf-8-sig",
            )  # fmt: skip
            return table
    return read_table(path, skip_bad=True)  # QQP's published file has a few broken rows.


def _standard(path: Path, name: str) -> pd.DataFrame:
    layout, table = LAYOUTS[name], _read(path, name)
    wanted = [
        tuple(text.lower() for text in layout.texts),
        *(pair for pair in ALIASES if len(pair) == len(layout.texts)),
    ]
    texts = next((pair for pair in wanted if set(pair) <= set(table.columns)), None)
    label = next((column for column in (layout.label.lower(), *LABELS) if column in table.columns), None)
    if texts is None:
        raise UserError(
            f"{path.name} has the columns {', '.join(table.columns)[:200]}; {layout.title} needs {' and '.join(layout.texts)}."
        )
    if "language" in table.columns:  # XNLI's files hold all languages.
        table = table[table["language"] == layout.language]
    found = pd.DataFrame({"text": table[texts[0]]})
    if len(texts) == 2:
        found["text_pair"] = table[texts[1]]
    found["label"] = table[label].str.strip() if label else ""
    found.attrs["notes"] = [f"{path.name}: {note}" for note in table.attrs.get("notes", ())]
    return found


def _labelled(table: pd.DataFrame, name: str, split: str) -> pd.DataFrame:
    layout = LAYOUTS[name]
    table = table[~table["label"].isin(["-", ""])]  # MNLI marks rows on which the annotators did not agree with "-".
    if not layout.labels:
        numbers = pd.to_numeric(table["label"], errors="coerce")
        if numbers.isna().any():
            raise UserError(f"{layout.title}: {split} has labels that are no numbers.")
        return table.assign(label=numbers).reset_index(drop=True)
    places = {
        **{str(at): at for at in range(len(layout.labels))},
        **{label: at for at, label in enumerate(layout.labels)},
    }
    if "contradiction" in places:
        places["contradictory"] = places["contradiction"]  # As XNLI's Chinese training file has it.
    strange = sorted(set(table["label"]) - set(places))
    if strange:
        raise UserError(
            f"{layout.title}: {split} has the labels {', '.join(strange[:5])[:100]}; allowed are {', '.join(places)}."
        )
    return table.assign(label=table["label"].map(places)).reset_index(drop=True)


def load_glue(name: str, folder: Path) -> TaskData:
    """A task from a folder in its published layout (or one below it that is named as the task).

    A validation file that is missing is taken from the training file by a hash of the text; test files without labels, as
    GLUE's, are left out.

    Raises:
        UserError: unknown task, no such files, columns or labels that are not the task's.
    """
    task = task_of(name)
    if not folder.is_dir():
        raise UserError(f"The data folder {str(folder)[:200]} is not a folder.")
    inner = next(
        (
            each
            for each in folder.iterdir()
            if each.is_dir() and each.name.lower().replace("-", "") in (name, name.replace("-mm", ""))
        ),
        None,
    )
    tables, notes = {}, []
    for split, stems in LAYOUTS[name].files:
        path = _file(folder, stems) or (_file(inner, stems) if inner else None)
        if path is not None:
            table = _standard(path, name)
            notes += table.attrs["notes"]
            if split == "test" and table["label"].isin(["", "-1"]).all():
                notes.append(f"{path.name} has no labels: the test part is left out.")
                continue
            tables[split] = _labelled(table, name, split)
            if left := len(table) - len(tables[split]):
                notes.append(f"{path.name}: {left} rows without a label were left out.")
    if "train" not in tables:
        names = ", ".join(f"{stem}.tsv" for stem in dict(LAYOUTS[name].files)["train"])
        raise UserError(f"{folder} has no training file of {task.description} ({names}, or .csv, .jsonl, .parquet).")
    if "validation" not in tables:
        parts = split_by_text(tables["train"])
        tables |= {
            "train": pd.concat([parts["train"], parts["test"]], ignore_index=True),
            "validation": parts["validation"],
        }
    for needed in ("train", "validation"):
        if len(tables[needed]) == 0:
            raise UserError(f"{task.description}: the {needed} split is empty.")
    return TaskData(task, tables, tuple(notes))
