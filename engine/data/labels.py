"""What the labels of a file are. The rule, once:

1. A label that is empty, "-", NA, N/A, null or NaN is none: its row is left out, and that is said.
2. Lists ([0, 1, 1], 0|1|1) are several labels per text: refused.
3. If all labels are numbers, they are scores where one of them is not whole (0.5; 0,5 with a decimal comma), and else
   classes, whatever way they are written (1, 1.0), if they count up from 0 or from 1 without a gap. Other whole numbers
   are scores if they are written with a decimal point; without one they are refused, since either could be meant.
4. If almost all labels are numbers, the first that is not is an error; infinite ones are always refused.
5. All other labels are names of classes.

`label_kind` says otherwise: `scores` takes whole numbers for scores, `classes` takes any values for names.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from engine.data.tasks import Kind
from engine.errors import UserError

MOST_CLASSES = 200
MOST_SCORE = 1e38  # What float32 holds.
NONE = {"", "-", "na", "n/a", "null", "nan", "<na>"}
_SEVERAL = re.compile(r"\[.*\]|[01](?:[ ,;|][01])+")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}")
_WORDS = {"inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"}


@dataclass(frozen=True)
class Labels:
    """How labels are read. `names`: of the classes, () for scores. `values`: as written → class number or score."""

    kind: Kind
    names: tuple[str, ...]
    values: dict[str, float]
    notes: list[str] = field(default_factory=list)

    def of(self, label: str) -> float | None:
        """A label of any part as class number or score, however it is written there (1, 1.0); None if it is none of these."""
        if label in self.values:
            return self.values[label]
        number = number_of(label)
        if number is None or self.kind == "regression":
            return number
        same = (value for written, value in self.values.items() if number_of(written) == number)
        return next(same, None)


def is_none(labels: pd.Series) -> pd.Series:
    """Which labels say that there is none (rule 1)."""
    return labels.str.strip().str.casefold().isin(NONE)


def understand(labels: pd.Series, lines: Sequence[int], name: str, wanted: str = "") -> Labels:
    """Find out what labels are.

    Args:
        labels: as they stand in the file, none of them missing.
        lines: where each stands.
        name: of the file.
        wanted: `classes`, `scores` or "" (the rule decides).

    Raises:
        UserError: they are several per text, numbers with gaps, infinite, or too many different ones.
    """
    counts = Counter(labels)
    at = {value: line for value, line in zip(reversed(labels.tolist()), reversed(list(lines)), strict=True)}
    several = [value for value in counts if _SEVERAL.fullmatch(value)]
    if several and (len(several) == len(counts) or several[0].startswith("[")):
        raise UserError(
            f"{name}, line {at[several[0]]}: the label {several[0][:40]} is a list. Several labels per text are not supported:"
            " give each text one class or one score."
        )
    numbers = {value: number_of(value) for value in counts}
    infinite = [value for value in counts if value.casefold() in _WORDS or abs(numbers[value] or 0.0) > MOST_SCORE]
    plain = [number for number in numbers.values() if number is not None]
    if infinite and plain and wanted != "classes":
        raise UserError(
            f"{name}, line {at[infinite[0]]}: the label {infinite[0]!r} is not a finite number, or larger than any score."
        )
    thousands = [value for value in counts if _COMMA.fullmatch(value)]
    if thousands and all(_THOUSANDS.fullmatch(value) for value in thousands) and wanted != "classes":
        raise UserError(
            f"{name}, line {at[thousands[0]]}: the label {thousands[0]} may be a decimal or a thousand. Write a decimal point,"
            " or no comma."
        )
    if wanted == "classes":
        return _classes(sorted(counts, key=lambda value: (numbers[value] is None, numbers[value] or 0.0, value)), name)
    strange = [value for value, number in numbers.items() if number is None]
    if strange and (wanted == "scores" or sum(counts[value] for value in strange) * 20 < len(labels)) and plain:
        raise UserError(
            f"{name}, line {at[strange[0]]}: the label {strange[0][:40]!r} is no number, though the others are. Correct it,"
            " or read all as names of classes (--label-kind classes)."
        )
    if strange and wanted == "scores":
        raise UserError(
            f"{name}, line {at[strange[0]]}: the label {strange[0][:40]!r} is no number, so it is no score."
        )
    if strange:
        return _classes(sorted(counts), name)
    return _of_numbers({value: number for value, number in numbers.items() if number is not None}, name, wanted)


def number_of(value: str) -> float | None:
    """A label as a finite number, a decimal comma allowed; None if it is none."""
    text = value.replace(",", ".") if _COMMA.fullmatch(value) else value
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _of_numbers(numbers: dict[str, float], name: str, wanted: str) -> Labels:
    notes = ["Labels are numbers with a decimal comma."] if any(_COMMA.fullmatch(value) for value in numbers) else []
    whole = all(number.is_integer() for number in numbers.values())
    different = sorted(set(numbers.values()))
    counting = [float(first + step) for first in (0, 1) for step in range(len(different)) if different[0] == first]
    written = any(re.search(r"[.,eE]", value) for value in numbers)
    if wanted == "scores" or not whole or (different != counting and written):
        return Labels("regression", (), numbers, notes)
    if different != counting:
        shown = ", ".join(f"{number:g}" for number in different[:12])
        raise UserError(
            f"{name}: labels out of range: found {shown}; class numbers must be 0, 1, … (or 1, 2, …) without a gap. Renumber"
            " them, use words as labels, or say what they are: --label-kind classes or --label-kind scores."
        )
    if written:
        notes.append(
            "Labels are whole numbers written with a decimal point: they are read as classes (scores: --label-kind scores)."
        )
    elif different[0] == 1:
        notes.append("Labels count from 1: they are read as classes (scores: --label-kind scores).")
    names = tuple(f"{number:g}" for number in different)
    _check_count(len(names), name)
    return Labels(
        "classification", names, {value: float(different.index(number)) for value, number in numbers.items()}, notes
    )


def _classes(names: list[str], name: str) -> Labels:
    _check_count(len(names), name)
    notes = []
    if 0 < sum(number_of(value) is not None for value in names) < len(names):
        notes.append("Some labels are numbers and others words: all are read as names of classes.")
    folded = Counter(value.casefold() for value in names)
    if twice := [value for value in names if folded[value.casefold()] > 1]:
        notes.append(f"{' and '.join(twice[:4])} are read as different classes: they differ in case.")
    return Labels("classification", tuple(names), {value: float(place) for place, value in enumerate(names)}, notes)


def _check_count(count: int, name: str) -> None:
    if not 2 <= count <= MOST_CLASSES:
        raise UserError(f"{name}: the labels have {count} different values; 2 to {MOST_CLASSES} are allowed.")
