"""Data files as a task: TSV, CSV, JSONL, Parquet; sentences or pairs; classes or scores (a label per word: `tagged`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from engine.data.columns import Chosen, Reading, choose, recognised
from engine.data.labels import Labels, is_none, understand
from engine.data.reading import SUFFIXES, read_raw
from engine.data.tagged import SUFFIXES as TAGGED
from engine.data.tagged import is_tagged, load_tagged
from engine.data.tasks import SPLIT_FILES, Task, TaskData, split_by_text
from engine.errors import UserError

FEWEST = 20  # Different texts of a file that is split.

ENDINGS = (*SUFFIXES, *TAGGED)  # Of data files.

__all__ = ["ENDINGS", "load_file", "read_table"]


def read_table(path: Path, *, skip_bad: bool = False) -> pd.DataFrame:
    """The file as it stands, every value as text, its columns' names in lower case.

    Args:
        skip_bad: see `reading.read_raw`.

    Raises:
        UserError: not readable as what its ending says.
    """
    table = read_raw(path, skip_bad=skip_bad)
    table.frame.columns = pd.Index([str(name).strip().lower() for name in table.frame.columns])
    table.frame.attrs["notes"] = table.notes
    return table.frame


@dataclass
class Part:
    """One file in standard columns: `text`, perhaps `text_pair`, `label` (still as written) and `line`."""

    file: str
    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)


def _standard(path: Path, how: Reading, *, needs_label: bool = True) -> Part:
    found: list[Chosen] = []

    def wanted(columns: list[str]) -> list[str]:
        found.append(choose(columns, path.name, how, needs_label=needs_label))
        return found[-1].names()

    raw = read_raw(path, wanted)
    chosen = found[-1]
    table = pd.DataFrame({"text": raw.frame[chosen.text]})
    notes = [f"{path.name}: {note}" for note in raw.notes]
    if chosen.pair is not None and (raw.frame[chosen.pair].str.strip() != "").any():
        table["text_pair"] = raw.frame[chosen.pair]
    elif chosen.pair is not None:
        notes.append(f"{path.name}: its column {chosen.pair} is empty, so its texts are single ones.")
    table["label"] = "" if chosen.label is None else raw.frame[chosen.label].str.strip()
    table["line"] = raw.lines
    named = [
        f"text: {chosen.text}",
        *([f"pair: {chosen.pair}"] if "text_pair" in table else []),
        f"label: {chosen.label}",
    ]
    usual = {name.partition(": ")[2] for name in named} <= {"sentence", "sentence1", "sentence2", "text", "label"}
    if not usual or recognised(raw.columns) - set(chosen.names()):
        notes.append(f"{path.name}: columns taken: {', '.join(named)}.")
    empty = table["text"].str.strip() == ""
    if empty.all():
        raise UserError(f"{path.name}: every text is empty.")
    if empty.any():
        notes.append(
            f"{path.name}: {int(empty.sum())} rows without a text were left out (the first: line {table['line'][empty].iloc[0]})."
        )
    return Part(path.name, table[~empty].reset_index(drop=True), notes)


def with_labels(part: Part) -> Part:
    """The part without the rows that have no label; a note says how many were left out."""
    none = is_none(part.table["label"])
    if 2 * none.sum() > len(none):
        raise UserError(f"{part.file}: {int(none.sum())} of its {len(none)} rows have no label.")
    if none.any():
        first = part.table[none].iloc[0]
        said = f"{first['label']!r}" if first["label"] else "none"
        part.notes.append(
            f"{part.file}: {int(none.sum())} rows without a label were left out (the first: line {first['line']}, label {said})."
        )
    return Part(part.file, part.table[~none].reset_index(drop=True), part.notes)


def _has_no_labels(part: Part) -> bool:
    """Whether it is a part whose labels are kept back, as in GLUE's test files: none, or all -1."""
    labels = part.table["label"]
    return bool((is_none(labels) | (labels == "-1")).all())


def load_file(path: Path, how: Reading | None = None) -> TaskData:
    """A file (split by a hash of the text) or a folder with train, dev or validation, and perhaps test files.

    Args:
        how: what a person says of its columns and labels; None: by the rules of `columns` and `labels`.

    Raises:
        UserError: says which file, what is wrong and what is allowed.
    """
    how = how or Reading()
    if is_tagged(path):
        if how != Reading():
            raise UserError(
                f"{path.name} has a label for every word: --text-column and the like are for tables of texts."
            )
        return load_tagged(path)
    return _load_folder(path, how) if path.is_dir() else _load_single(path, how)


def _load_single(path: Path, how: Reading) -> TaskData:
    part = with_labels(_standard(path, how))
    if len(part.table) < FEWEST:
        raise UserError(f"{path.name} has too few rows ({len(part.table)}): give at least 50 different texts.")
    labels = understand(part.table["label"], part.table["line"].tolist(), path.name, how.label_kind)
    counts = part.table["label"].map(labels.values).value_counts()
    if labels.names and (rare := [labels.names[int(place)] for place, count in counts.items() if count == 1]):
        raise UserError(
            f"{path.name}: the class{'es' * (len(rare) > 1)} {', '.join(rare[:5])} {'have' if len(rare) > 1 else 'has'} one"
            " example each, which cannot be split into parts for training, validation and test. Give more of them, leave"
            " them out, or give a folder with train and dev files of your own."
        )
    columns = [name for name in ("text", "text_pair") if name in part.table]
    different = len(part.table.drop_duplicates(columns))
    if different < FEWEST:
        raise UserError(
            f"{path.name} has {different} different texts ({len(part.table)} rows): at least {FEWEST} are needed, since equal"
            " texts never stand in two parts."
        )
    splits = split_by_text(part.table)
    return as_task(path.stem, {split: Part(path.name, table) for split, table in splits.items()}, labels, part.notes)


def _load_folder(path: Path, how: Reading) -> TaskData:
    files = {split: _first(path, stems) for split, stems in SPLIT_FILES.items()}
    train_file = files.pop("train")
    if train_file is None:
        raise UserError(f"The folder {path} has no training file (train{', train'.join(SUFFIXES)}).")
    train = with_labels(_standard(train_file, how))
    labels = understand(train.table["label"], train.table["line"].tolist(), f"{path.name}/{train.file}", how.label_kind)
    parts, notes = {"train": train}, [*train.notes, *_passed_over(path)]
    for split, file in files.items():
        if file is None:
            continue
        part = _standard(file, how, needs_label=split != "test")
        if split == "test" and _has_no_labels(part):
            notes.append(f"{file.name} has no labels: the test part is left out.")
            continue
        if ("text_pair" in part.table) != ("text_pair" in train.table):
            have = next(each.file for each in (train, part) if "text_pair" in each.table)
            raise UserError(
                f"{path.name}: {have} has pairs of texts, {train.file if have == part.file else part.file} has single ones. Give"
                " all parts the same columns, or say which are meant (--text-column, --pair-column)."
            )
        parts[split] = with_labels(part)
        notes += part.notes
    if "validation" not in parts:
        found = split_by_text(train.table)
        parts |= {
            "train": Part(train.file, pd.concat([found["train"], found["test"]], ignore_index=True)),
            "validation": Part(train.file, found["validation"]),
        }
        notes.append("There is no validation file: a tenth of the training texts, by a hash of them, takes its place.")
    order: dict[str, Part] = {name: parts[name] for name in ("train", "validation", "test") if name in parts}
    return as_task(path.name, order, labels, notes)


def _passed_over(folder: Path) -> list[str]:
    """Sentences about further files of a split, which are not read."""
    found = []
    for stems in SPLIT_FILES.values():
        there = [
            folder / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES if (folder / f"{stem}{suffix}").exists()
        ]
        found += [f"{other.name} is not read: {there[0].name} is." for other in there[1:]]
    return found


def _first(folder: Path, stems: tuple[str, ...]) -> Path | None:
    candidates = (folder / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES)
    return next((each for each in candidates if each.exists()), None)


def as_task(name: str, parts: Mapping[str, Part], labels: Labels, notes: list[str]) -> TaskData:
    """The parts with labels as numbers."""
    metrics = ("pearson", "spearman") if labels.kind == "regression" else ("accuracy", "f1")
    splits: dict[str, pd.DataFrame] = {}
    for split, part in parts.items():
        values = part.table["label"].map(labels.of)
        if values.isna().any():
            place = int(values.isna().to_numpy().argmax())
            strange = sorted(set(part.table["label"][values.isna()]))
            allowed = ", ".join(labels.names[:12]) or "numbers"
            raise UserError(
                f"{part.file}, line {part.table['line'].iloc[place]}: labels out of range: {split} has"
                f" {', '.join(strange[:5])[:100]}; the training labels are {allowed}."
            )
        kept = part.table.drop(columns="line").assign(
            label=values if labels.kind == "regression" else values.astype(int)
        )
        splits[split] = kept.reset_index(drop=True)
    for split in ("train", "validation"):
        if len(splits[split]) == 0:
            raise UserError(
                f"{name} has too few texts: none falls into the {split} split. Give at least 50 different ones."
            )
    absent = [
        f"{shown} in {split}" for split in ("train", "validation") for place, shown in enumerate(labels.names)
        if not (splits[split]["label"] == place).any()
    ]  # fmt: skip
    if absent and any(each.endswith("train") for each in absent):
        raise UserError(
            f"{name}: too few examples to be split: there is no {' and no '.join(absent[:4])}. Give more of them."
        )
    if absent:
        notes = [
            *notes,
            f"There is no example of {' and of '.join(absent[:6])}: what is measured there says nothing of it.",
        ]
    notes = [*notes, *labels.notes, *_repetitions(splits)]
    return TaskData(Task(name, labels.kind, labels.names, metrics), splits, tuple(dict.fromkeys(notes)))


def _repetitions(splits: Mapping[str, pd.DataFrame]) -> list[str]:
    """What a person should know of texts that stand there more than once, or with nothing as their second text."""
    whole = pd.concat(splits.values(), keys=splits, names=["split"]).reset_index("split")
    columns = [name for name in ("text", "text_pair") if name in whole]
    found = []
    again = whole[whole.duplicated(columns, keep=False)]
    if len(again):
        groups = again.groupby(columns, sort=False)
        if several := int((groups["label"].nunique() > 1).sum()):
            found.append(f"{several} texts stand there with different labels.")
        if shared := int((groups["split"].nunique() > 1).sum()):
            found.append(f"{shared} texts stand in more than one part: what is measured on them says little.")
    if "text_pair" in whole and (empty := int((whole["text_pair"].str.strip() == "").sum())):
        found.append(f"{empty} pairs have no second text.")
    return found
