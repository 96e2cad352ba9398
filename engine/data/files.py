"""Data files in GLUE's column layout: TSV, CSV, JSONL, Parquet; sentences or pairs; classes or scores."""

import csv
from pathlib import Path

import pandas as pd
from pyarrow import ArrowException

from engine.data.tasks import Task, TaskData, split_by_text
from engine.errors import UserError

SUFFIXES = (".tsv", ".csv", ".jsonl", ".parquet")
TABBED = (".tsv", ".txt")  # The papers' tasks are also handed on as .txt.
TEXT_COLUMNS = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("text", "text_pair"),
    ("text_a", "text_b"),
    ("sentence",),
    ("text",),
    ("review",),
)
LABEL_COLUMNS = ("label", "score", "gold_label", "similarity", "rating")
SPLIT_FILES = {"train": ("train",), "validation": ("validation", "dev", "valid"), "test": ("test",)}
MOST_CLASSES = 200
MOST_BYTES = 2**30  # Of an unpacked Parquet file; MNLI has 80 MB of text.


def read_table(path: Path) -> pd.DataFrame:
    """The file as it stands, every value as text.

    Raises:
        UserError: not readable as what its ending says.
    """
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, *TABBED):
        raise UserError(f"{path.name}: files must end in {', '.join(SUFFIXES)}.")
    try:
        if suffix == ".parquet":
            table = _parquet(path)
        elif suffix == ".jsonl":
            table = pd.read_json(path, lines=True, dtype=False, convert_dates=False, encoding="utf-8")
        else:
            with path.open("rb") as file:
                if b"\0" in file.read(65536):
                    raise UserError(f"{path.name} is a binary file, not a table of text in UTF-8.")
            tabbed = suffix in TABBED
            table = pd.read_csv(
                path,
                sep="\t" if tabbed else ",",
                quoting=csv.QUOTE_NONE if tabbed else csv.QUOTE_MINIMAL,  # GLUE's TSV files have bare quotes.
                dtype=str,
                keep_default_na=False,
                encoding="utf-8-sig",
            )
        words = table.apply(_as_text)
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not text in UTF-8. Save it again in that encoding.") from None
    except OSError as problem:
        raise UserError(f"{path.name} cannot be read: {problem.strerror or problem}.") from None
    except (ValueError, pd.errors.ParserError, ArrowException) as problem:
        if isinstance(problem, UserError):
            raise
        reason = str(problem).splitlines()[0][:160] if str(problem) else type(problem).__name__
        raise UserError(f"{path.name} is not a readable {suffix[1:].upper()} table: {reason}") from None
    if words.empty:
        raise UserError(f"{path.name} has no rows.")
    words.columns = [str(name).strip().lower() for name in words.columns]
    return words


def _as_text(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.StringDtype):
        return column.fillna("")
    return column.astype(object).where(column.notna(), "").astype(str)


def _parquet(path: Path) -> pd.DataFrame:
    """Read in small parts: a small file may hold a table that fills the memory many times over.

    Raises:
        UserError: more than `MOST_BYTES` of values.
    """
    from pyarrow import Table
    from pyarrow.parquet import ParquetFile

    parts, size = [], 0
    with ParquetFile(path) as file:
        for part in file.iter_batches(batch_size=256):
            size += part.nbytes
            if size > MOST_BYTES:
                raise UserError(
                    f"{path.name} unpacks to more than {MOST_BYTES >> 20} MB: split it, or take a part of it."
                )
            parts.append(part)
        return Table.from_batches(parts, file.schema_arrow).to_pandas()


def _columns(table: pd.DataFrame, name: str) -> tuple[tuple[str, ...], str]:
    texts = next((pair for pair in TEXT_COLUMNS if set(pair) <= set(table.columns)), None)
    label = next((column for column in LABEL_COLUMNS if column in table.columns), None)
    if texts is None or label is None:
        wanted = "; ".join(" + ".join(pair) for pair in TEXT_COLUMNS)
        raise UserError(
            f"{name} has the columns {', '.join(table.columns)[:200]}, but needs a label column"
            f" ({', '.join(LABEL_COLUMNS)}) and text columns ({wanted})."
        )
    return texts, label


def _standard(path: Path) -> pd.DataFrame:
    """Columns `text`, perhaps `text_pair`, and `label` (still text)."""
    table = read_table(path)
    texts, label = _columns(table, path.name)
    standard = pd.DataFrame({"text": table[texts[0]]})
    if len(texts) == 2:
        standard["text_pair"] = table[texts[1]]
    standard["label"] = table[label].str.strip()
    empty = standard["text"].str.strip() == ""
    if empty.all():
        raise UserError(f"{path.name}: every text is empty.")
    return standard[~empty].reset_index(drop=True)


def _as_number(values: pd.Series) -> pd.Series | None:
    numbers = pd.to_numeric(values, errors="coerce")
    return None if numbers.isna().any() else numbers


def _labelled(splits: dict[str, pd.DataFrame], name: str) -> tuple[Task, dict[str, pd.DataFrame]]:
    """Find out what the labels are, and convert them."""
    train = splits["train"]["label"]
    if (train == "").any():
        raise UserError(f"{name}: {int((train == '').sum())} training rows have no label.")
    numbers = _as_number(train)
    if numbers is not None and train.str.contains(r"[.eE]", regex=True).any():
        task = Task(name, "regression", metrics=("pearson", "spearman"))
        allowed = None
    elif numbers is not None:
        classes = sorted({int(value) for value in numbers})
        if classes != list(range(len(classes))):
            raise UserError(
                f"{name}: labels out of range: found {', '.join(map(str, classes[:12]))}; class numbers must be 0, 1, …"
                " without a gap. Renumber them, use words as labels, or write scores with a decimal point."
            )
        task = Task(name, "classification", tuple(map(str, classes)), ("accuracy", "f1"))
        allowed = {str(value): value for value in classes}
    else:
        names = sorted(set(train))
        task = Task(name, "classification", tuple(names), ("accuracy", "f1"))
        allowed = {label: place for place, label in enumerate(names)}
    if allowed is not None and not 2 <= len(allowed) <= MOST_CLASSES:
        raise UserError(f"{name}: the labels have {len(allowed)} different values; 2 to {MOST_CLASSES} are allowed.")
    converted = {}
    for split, table in splits.items():
        if split == "test" and table["label"].isin(["", "-1"]).all():
            continue  # GLUE's test files have no labels.
        if allowed is None:
            values = _as_number(table["label"])
            if values is None:
                raise UserError(f"{name}: {split} has labels that are not numbers, though the training labels are.")
        else:
            strange = sorted(set(table["label"]) - set(allowed))
            if strange:
                raise UserError(
                    f"{name}: labels out of range: {split} has {', '.join(strange[:5])[:100]};"
                    f" the training labels are {', '.join(list(allowed)[:12])}."
                )
            values = table["label"].map(allowed)
        converted[split] = table.assign(label=values)
    return task, converted


def load_file(path: Path) -> TaskData:
    """A file (split by a hash of the text) or a folder with train, dev or validation, and perhaps test files.

    Raises:
        UserError: says which file, what is wrong and what is allowed.
    """
    name = path.stem
    if path.is_dir():
        found = {
            split: next(
                (
                    path / f"{stem}{suffix}"
                    for stem in stems
                    for suffix in SUFFIXES
                    if (path / f"{stem}{suffix}").exists()
                ),
                None,
            )
            for split, stems in SPLIT_FILES.items()
        }
        if found["train"] is None:
            raise UserError(f"The folder {path} has no training file (train{', train'.join(SUFFIXES)}).")
        tables = {split: _standard(file) for split, file in found.items() if file is not None}
        if "validation" not in tables:
            parts = split_by_text(tables["train"])
            tables |= {"train": pd.concat([parts["train"], parts["test"]]), "validation": parts["validation"]}
    else:
        tables = split_by_text(_standard(path))
    for split in ("train", "validation"):
        if len(tables[split]) == 0:
            raise UserError(f"{path.name} has too few rows: none falls into the {split} split. Give at least 50.")
    task, tables = _labelled(tables, name)
    return TaskData(task, tables)
