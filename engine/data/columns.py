"""Which columns of a file hold the texts and the label: by name, or as a person says."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import UserError, known

# In the order in which they are looked for; names are compared without case.
TEXT_COLUMNS = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("text", "text_pair"),
    ("text_a", "text_b"),
    ("sentence",),
    ("text",),
    ("text_a",),
    ("review",),
    ("sentence1",),
    ("content",),
    ("comment",),
    ("tweet",),
    ("document",),
)
LABEL_COLUMNS = (
    "label", "labels", "score", "gold_label", "similarity", "rating", "sentiment", "target", "polarity", "stars", "class",
    "category",
)  # fmt: skip
KINDS = ("classes", "scores")


@dataclass(frozen=True)
class Reading:
    """How a person says that a file is to be read; "" where the rules decide.

    Attributes:
        text_column: the name of the column with the texts.
        pair_column: of that with the second texts.
        label_column: of that with the labels.
        label_kind: classes or scores.
    """

    text_column: str = ""
    pair_column: str = ""
    label_column: str = ""
    label_kind: str = ""

    def __post_init__(self) -> None:
        if self.label_kind:
            known("label kind", self.label_kind, list(KINDS))


@dataclass(frozen=True)
class Chosen:
    """The columns of one file, as they are called there; `pair` and `label` are None where there is none."""

    text: str
    pair: str | None
    label: str | None

    def names(self) -> list[str]:
        """Those that there are, each once."""
        return list(dict.fromkeys(name for name in (self.text, self.pair, self.label) if name is not None))


def choose(columns: Sequence[str], name: str, reading: Reading, *, needs_label: bool = True) -> Chosen:
    """The text columns and the label column of a file.

    Raises:
        UserError: there are none of these names, or two that differ only in case; says which there are.
    """
    seen = ", ".join(map(str, columns))[:200]
    pair: str | None
    if reading.text_column:
        text = _exactly(columns, reading.text_column, name)
        pair = _exactly(columns, reading.pair_column, name) if reading.pair_column else None
    else:
        found = next((names for names in TEXT_COLUMNS if all(_having(columns, each) for each in names)), None)
        if found is None:
            raise UserError(_missing(name, seen))
        text = _only(columns, found[0], name)
        pair = _only(columns, found[1], name) if len(found) == 2 else None
        if reading.pair_column:
            pair = _exactly(columns, reading.pair_column, name)
    if reading.label_column:
        label: str | None = _exactly(columns, reading.label_column, name)
    else:
        wanted = next((each for each in LABEL_COLUMNS if _having(columns, each)), None)
        label = _only(columns, wanted, name) if wanted else None
    if label is None and needs_label:
        raise UserError(_missing(name, seen))
    if len({text, pair or 0, label or 1}) < 3:
        raise UserError(f"{name}: text, pair and label must be different columns.")
    return Chosen(text, pair, label)


def recognised(columns: Sequence[str]) -> set[str]:
    """The columns whose names are known as those of texts or labels."""
    names = {name for names in TEXT_COLUMNS for name in names} | set(LABEL_COLUMNS)
    return {each for each in columns if str(each).strip().casefold() in names}


def _having(columns: Sequence[str], name: str) -> list[str]:
    return [each for each in columns if str(each).strip().casefold() == name.casefold()]


def _only(columns: Sequence[str], name: str, file: str) -> str:
    found = _having(columns, name)
    if len(found) > 1:
        different = len(set(found)) == len(found)  # Else no one can say which is meant.
        or_say = ", or say which one is meant (--text-column, --pair-column, --label-column)" if different else ""
        raise UserError(
            f"{file} has {len(found)} columns named {name}: {' and '.join(map(repr, found))}. Rename one of them{or_say}."
        )
    return found[0]


def _exactly(columns: Sequence[str], name: str, file: str) -> str:
    """A column that a person names: as it is written, else without case."""
    exact = [each for each in columns if each == name]
    if len(exact) == 1:
        return exact[0]
    if not _having(columns, name):
        known(f"column of {file}", name, [str(each) for each in columns][:50])
    return _only(columns, name, file)


def _missing(name: str, seen: str) -> str:
    wanted = "; ".join(" + ".join(pair) for pair in TEXT_COLUMNS)
    return (
        f"{name} has the columns {seen}, but needs a label column ({', '.join(LABEL_COLUMNS)}) and text columns ({wanted})."
        " Or say which they are: --text-column, --pair-column, --label-column."
    )
