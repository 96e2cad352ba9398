"""Files in which every word has a label (named entities, parts of speech): CoNLL, CoNLL-U, and JSONL with lists.

A sentence's text is its words with single spaces between, so that a text which a person types is read in the same way.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from engine.data import rawtable
from engine.data.jsonl import read_jsonl
from engine.data.metrics import ENTITY_METRICS, marks_entities
from engine.data.rawtable import not_readable
from engine.data.tasks import IGNORED, SPLIT_FILES, Task, TaskData, split_by_text
from engine.errors import UserError
from engine.paths import regular_file

SUFFIXES = (".conll", ".conllu")
WORDS = ("tokens", "words")
TAGS = ("labels", "tags", "ner_tags", "pos_tags", "ner", "pos")
NONE = ("-100", "_")  # Labels that say that there is none: such words count for nothing.
MOST_TAGS = 200
MOST_WORDS = 10_000  # Of one sentence.
FEWEST = 20  # Different sentences of a file that is split.


@dataclass
class Tagged:
    """The sentences of a file: the line where each begins, its words, and as many tags."""

    file: str
    rows: list[tuple[int, list[str], list[str]]] = field(default_factory=list)
    comments: int = 0  # Lines passed over.

    def add(self, line: int, words: list[str], tags: list[str]) -> None:
        """Take one sentence.

        Raises:
            UserError: another number of tags than words, an empty word or tag, or too many words.
        """
        if len(words) != len(tags):
            raise UserError(
                f"{self.file}, line {line}: tokens and labels differ in number ({len(words)} and {len(tags)}): every token must"
                " have one."
            )
        if not words or len(words) > MOST_WORDS:
            raise UserError(
                f"{self.file}, line {line}: a sentence has 1 to {MOST_WORDS:,} tokens, but this one has {len(words):,}."
            )
        # A word with a space in it would be two when its sentence is read as a text.
        words = ["\N{NO-BREAK SPACE}".join(word.split()) for word in words]
        if "" in words or "" in tags:
            raise UserError(f"{self.file}, line {line}: a token or a label of this sentence is empty.")
        if spaced := [tag for tag in tags if tag.split() != [tag]]:
            raise UserError(
                f"{self.file}, line {line}: the label {spaced[0][:40]!r} has a space in it: write it as one word."
            )
        self.rows.append((line, words, tags))


def is_tagged(path: Path) -> bool:
    """Whether a file (or a folder's training file) holds a label per word: by its ending, or by the keys of its first row."""
    if path.is_dir():
        return any(is_tagged(each) for each in path.iterdir() if each.stem == "train")
    if path.suffix.lower() in SUFFIXES:
        return True
    if path.suffix.lower() != ".jsonl" or not path.is_file():
        return False
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(file.readline(rawtable.MOST_TEXT))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and isinstance(_value(first, WORDS), list) and _key(list(first), TAGS) is not None


def _key(names: list[str], wanted: tuple[str, ...]) -> str | None:
    lower = {name.strip().casefold(): name for name in names}
    return next((lower[each] for each in wanted if each in lower), None)


def _value(row: dict[str, Any], wanted: tuple[str, ...]) -> Any:
    key = _key(list(row), wanted)
    return None if key is None else row[key]


def load_tagged(path: Path) -> TaskData:
    """A file (split by a hash of the text) or a folder with train, dev or validation, and perhaps test files.

    Raises:
        UserError: says which file and line, what is wrong and what is allowed.
    """
    notes: list[str] = []
    if path.is_dir():
        files = {split: _file(path, stems) for split, stems in SPLIT_FILES.items()}
        parts = {split: read_tagged(file) for split, file in files.items() if file is not None}
    else:
        parts = {"train": read_tagged(path)}
    counts = Counter(tag for _, _, tags in parts["train"].rows for tag in tags if tag not in NONE)
    names = tuple(sorted(counts, key=lambda tag: (tag != "O", tag.partition("-")[2], tag)))
    if not 2 <= len(names) <= MOST_TAGS:
        raise UserError(f"{path.name}: 2 to {MOST_TAGS} different labels are needed, but there are {len(names)}.")
    tables = {split: _table(part, names) for split, part in parts.items()}
    if "validation" not in tables:
        found = split_by_text(tables["train"])
        if path.is_dir():
            notes.append(
                "There is no validation file: a tenth of the training texts, by a hash of them, takes its place."
            )
            found["train"] = pd.concat([found["train"], found.pop("test")], ignore_index=True)
            found |= {"test": tables["test"]} if "test" in tables else {}
        elif (different := tables["train"]["text"].nunique()) < FEWEST:
            raise UserError(f"{path.name} has {different} different sentences: at least {FEWEST} are needed.")
        tables = found
    for split in ("train", "validation"):
        if not len(tables[split]):
            raise UserError(f"{path.name} has too few sentences: none falls into the {split} split. Give at least 50.")
    for part in parts.values():
        if part.comments:
            notes.append(
                f"{part.file}: {part.comments} lines that begin with # before a sentence were taken for comments."
            )
    missing = set(range(len(names))) - set(tables["train"]["label"].explode())
    if missing:
        shown = ", ".join(names[place] for place in sorted(missing)[:5])
        raise UserError(
            f"{path.name}: too few sentences to be split: no {shown} is left to train on. Give more of them."
        )
    metrics = (*ENTITY_METRICS, "accuracy") if marks_entities(names) else ("accuracy", "f1")
    return TaskData(Task(path.stem, "token classification", names, metrics), tables, tuple(notes))


def _file(folder: Path, stems: tuple[str, ...]) -> Path | None:
    there = [folder / f"{stem}{suffix}" for stem in stems for suffix in (*SUFFIXES, ".jsonl")]
    return next((each for each in there if each.exists()), None)


def _table(part: Tagged, names: tuple[str, ...]) -> pd.DataFrame:
    places = {name: place for place, name in enumerate(names)} | dict.fromkeys(NONE, IGNORED)
    for line, _, tags in part.rows:
        if strange := [tag for tag in tags if tag not in places]:
            raise UserError(
                f"{part.file}, line {line}: the label {strange[0][:40]!r} is none of the training file's:"
                f" {', '.join(names[:12])}."
            )
    return pd.DataFrame(
        {
            "text": [" ".join(words) for _, words, _ in part.rows],
            "label": [[places[tag] for tag in tags] for _, _, tags in part.rows],
        }
    )


def read_tagged(path: Path) -> Tagged:
    """The sentences of one file.

    Raises:
        UserError: not readable as what its ending says, or without sentences.
    """
    regular_file(path, "The file", rawtable.MOST_BYTES)
    found = Tagged(path.name)
    try:
        for line, words, tags in _of_jsonl(path) if path.suffix.lower() == ".jsonl" else _of_conll(path, found):
            found.add(line, words, tags)
    except UserError:
        raise
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not text in UTF-8. Save it again in that encoding.") from None
    except (OSError, ValueError, RecursionError) as problem:
        raise not_readable(path, problem) from None
    if not found.rows:
        raise UserError(f"{path.name} has no sentences.")
    return found


def _of_jsonl(path: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    """A line is `{"tokens": […], "labels": […]}`."""

    def wanted(columns: list[str]) -> list[str]:
        keys = [_key(columns, each) for each in (WORDS, TAGS)]
        if None in keys:
            raise UserError(f"{path.name} needs the keys {WORDS[0]} and {TAGS[0]}; it has {', '.join(columns)[:200]}.")
        return [key for key in keys if key is not None]

    table = read_jsonl(path, wanted)
    for line, *values in zip(table.lines, *(table.frame[name] for name in table.frame), strict=True):
        words, tags = (json.loads(value) if value.startswith("[") else None for value in values)
        if not isinstance(words, list) or not isinstance(tags, list):
            raise UserError(f"{path.name}, line {line}: tokens and labels must be lists, one label for every token.")
        if not all(isinstance(each, (str, int)) and not isinstance(each, bool) for each in (*words, *tags)):
            raise UserError(f"{path.name}, line {line}: tokens and labels must be texts or whole numbers.")
        yield line, [str(word) for word in words], [str(tag).strip() for tag in tags]


def _of_conll(path: Path, found: Tagged) -> Iterator[tuple[int, list[str], list[str]]]:
    """A line per word, columns with tabs or spaces between, a blank line between sentences.

    The first column is the word and the last its label; in CoNLL-U the second and the fourth (UPOS), without the rows of
    contractions (1-2) and of what is not written (1.1). Lines of -DOCSTART- are passed over, and comments: those that begin
    with # and a space before a sentence's first word.
    """
    universal = path.suffix.lower() == ".conllu"
    word_at, tag_at = (1, 3) if universal else (0, -1)
    words: list[str] = []
    tags: list[str] = []
    began, width = 1, 0
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if len(line) > rawtable.MOST_HEAD:
                raise UserError(f"{path.name}, line {number}: more than {rawtable.MOST_HEAD:,} characters in a line.")
            line = line.rstrip("\r\n")
            if not line.strip(" \t"):
                if words:
                    yield began, words, tags
                words, tags = [], []
                continue
            cells = line.split("\t") if "\t" in line else [cell for cell in line.split(" ") if cell]
            if not words and "\t" not in line.partition(" ")[0] and line.startswith(("# ", "#\u00a0")):
                found.comments += 1
                continue
            if cells[0] == "-DOCSTART-":
                continue
            if universal and not cells[0].isdecimal():
                continue
            width = width or len(cells)
            if len(cells) != width or len(cells) < max(2, tag_at + 1):
                raise UserError(
                    f"{path.name}, line {number}: {len(cells)} columns; the lines before have {width}, and a word and its label"
                    " are needed."
                    if len(cells) != width
                    else f"{path.name}, line {number}: a line must have a word and its label, but it has {len(cells)} columns."
                )
            began = number if not words else began
            words.append(cells[word_at])
            tags.append(cells[tag_at].strip())
            if len(words) > MOST_WORDS:
                raise UserError(f"{path.name}, line {number}: more than {MOST_WORDS:,} words without a blank line.")
    if words:
        yield began, words, tags
