"""The result tables of the slides as data: each figure with its paper and table, as printed and as numbers."""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("published.tsv")


@dataclass(frozen=True)
class Source:
    """A published table. `differs`: what sets it apart from a run here. `baselines`: group → the row gains are taken over."""

    paper: str
    table: str
    split: str
    differs: str
    baselines: dict[str, str]


SOURCES = {
    "freelb-1": Source(
        "Zhu et al., FreeLB, ICLR 2020", "Table 1", "GLUE dev",
        "RoBERTa-large (355 M parameters), full fine-tunes, median of 5 seeds with the variance in brackets.",
        {"": "ReImp"},
    ),
    "freelb-2": Source(
        "Zhu et al., FreeLB, ICLR 2020", "Table 2", "GLUE test server, September 2019",
        "BERT-base single models and ensembles of 7 RoBERTa-large; full fine-tunes.", {},
    ),
    "smart-1": Source(
        "Jiang et al., SMART, ACL 2020", "Table 1", "GLUE dev", "BERT-base and RoBERTa-large, full fine-tunes.",
        {"BERT_{BASE}": "BERT ReImp", "RoBERTa_{LARGE}": "RoBERTa (Liu et al., 2019c)"},
    ),
    "smart-2": Source(
        "Jiang et al., SMART, ACL 2020", "Table 2", "GLUE test server, December 2019",
        "Ensembles and single models of 235 M to 11,000 M parameters.", {},
    ),
    "textat-2": Source(
        "Li and Qiu, TextAT, arXiv 2004.14543", "Table 2", "GLUE test server",
        "BERT-base, full fine-tunes. The slides print the row of metrics one column off: RTE, QNLI, SST and MNLI are"
        " accuracies, MRPC F1/accuracy, CoLA Matthews, STS-B correlations, QQP F1/accuracy.",
        {"": "BERT-BASE"},
    ),
    "electra-leaderboard": Source(
        "GLUE leaderboard, shown with Clark et al., ELECTRA, ICLR 2020", "leaderboard", "GLUE test server, 2020",
        "Ensembles and large models with further tricks; the slides cut the last column (MNLI-mm) after its first digit.",
        {},
    ),
    "macbert-6": Source(
        "Cui et al., MacBERT, Findings of EMNLP 2020", "Table 6", "dev and test",
        "Chinese BERT-base and -large, full fine-tunes; the best of several runs, with the average in brackets.",
        {"": "BERT"},
    ),
}  # fmt: skip
TASKS = {
    "CoLA": r"cola", "SST-2": r"sst", "MRPC": r"mrpc", "STS-B": r"sts", "QQP": r"qqp", "MNLI": r"mnli", "QNLI": r"qnli",
    "RTE": r"rte", "WNLI": r"wnli", "AX": r"ax$", "XNLI": r"xnli", "LCQMC": r"lcqmc", "BQ Corpus": r"bq",
}  # fmt: skip


@dataclass(frozen=True)
class Published:
    """One cell of a table.

    Attributes:
        table: key of `SOURCES`.
        group: the heading above the row.
        row: model or method.
        column: as printed.
        task: of `TASKS`, "" for others (score, parameters).
        text: as printed.
        values: its numbers, None for a "-".
        aside: the number in brackets (variance or average).
        mark: "", `missing` or `garbled`.
    """

    table: str
    group: str
    row: str
    column: str
    task: str
    text: str
    values: tuple[float | None, ...]
    aside: float | None
    mark: str


def plain_name(printed: str) -> str:
    """A row's name without LaTeX and footnote marks: `SMART _{BERT}` → `SMART BERT`."""
    name = re.sub(r"\s*_\{(.*?)\}", r" \1", printed)
    return re.sub(r"\s*(\[†\]|[⁰¹²³⁴-⁹]+)\s*$", "", name).strip()


def _numbers(text: str) -> tuple[tuple[float | None, ...], float | None]:
    outside = re.sub(r"\(.*?\)", "", text)
    inside = re.search(r"\(([\d.]+)\)", text)
    parts = [re.search(r"\d[\d,]*\.?\d*", part) for part in outside.split("/")]
    values = tuple(None if part is None else float(part.group().replace(",", "")) for part in parts)
    return values, float(inside.group(1)) if inside else None


def _task(column: str) -> str:
    # XNLI before MNLI and QNLI before both would match "nli": every pattern names its own letters.
    return next((task for task, pattern in TASKS.items() if re.match(pattern, column, re.I)), "")


@cache
def published() -> list[Published]:
    """All cells of all tables, in the order of the slides."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        Published(
            row["table"], row["group"], plain_name(row["row"]), row["column"], _task(row["column"]), row["text"],
            *_numbers(row["text"]), row["mark"],
        )
        for row in rows
    ]  # fmt: skip


def gains(table: str) -> list[tuple[str, str, float]]:
    """(method, task, gain in points of the first metric) over the table's baseline; a gap in the baseline is left out."""
    source, cells = SOURCES[table], [each for each in published() if each.table == table and not each.mark]
    base = {
        (each.group, each.column): each.values[0]
        for each in cells
        if source.baselines.get(each.group) == each.row and each.values[0] is not None
    }
    found = []
    for each in cells:
        start = base.get((each.group, each.column))
        if each.task and start is not None and each.values[0] is not None and source.baselines[each.group] != each.row:
            found.append((each.row, f"{each.task} {each.column.split()[-1]}" if table == "macbert-6" else each.task,
                          round(each.values[0] - start, 2)))  # fmt: skip
    return found
