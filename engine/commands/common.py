"""What all verbs share: settings, output, progress."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from engine.errors import UserError


class Verb(Protocol):
    """Adds a verb to the parser: its name, what it does, its help; `json_` gives it the flag --json."""

    def __call__(  # noqa: D102
        self, name: str, action: Callable[[argparse.Namespace], None], help_: str, json_: bool = True
    ) -> argparse.ArgumentParser: ...


MOST = 2**31 - 1


def whole(low: int = -MOST, high: int = MOST) -> Callable[[str], int]:
    """A flag's whole number between bounds."""

    def read(text: str) -> int:
        try:
            found: int | None = int(text)
        except ValueError:
            found = None
        if found is None or not low <= found <= high:
            allowed = " ".join([*([f"from {low}"] if low > -MOST else []), f"to {high}"])
            raise argparse.ArgumentTypeError(f"must be a whole number {allowed}, but it is {text[:40]!a}")
        return found

    return read


SEED = whole(0, 2**32 - 1)


def number(low: float = -1e300, high: float = 1e300) -> Callable[[str], float]:
    """A flag's finite number between bounds."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not low <= found <= high:
            raise argparse.ArgumentTypeError(f"must be a number from {low:g} to {high:g}, but it is {text[:40]!a}")
        return found

    return read


def pairs(given: Sequence[str]) -> dict[str, str]:
    """What --set was given, as a dict."""
    settings = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserError(f"--set takes key=value, but it is {pair[:60]!r}.")
        settings[key.strip()] = value.strip()
    return settings


def show(document: Any, as_json: bool, text: str) -> None:
    """Print one JSON document, or the text; JSON has no NaN and no infinity: they are null there.

    A document's `remarks` are said on stderr too.
    """
    for said in document.get("remarks", ()) if isinstance(document, Mapping) else ():
        print(said, file=sys.stderr)
    print(json.dumps(_without_nan(document), ensure_ascii=False, allow_nan=False) if as_json else text)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def columns(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """A plain table."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def progress(label: str) -> Any:
    """A progress bar on stderr for what may take longer than a second."""
    from tqdm import tqdm

    bar = tqdm(desc=label, leave=False, disable=not sys.stderr.isatty(), delay=1)

    def report(step: int, steps: int) -> None:
        bar.total = steps
        bar.update(step - bar.n)

    return report


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The flag --set."""
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting; may be repeated")


def add_classifier(parser: argparse.ArgumentParser) -> None:
    """The flags --run and --model, one of which may be given."""
    of = parser.add_mutually_exclusive_group()
    of.add_argument("--run", help="a run (RUN@STEP: a model it kept)")
    of.add_argument("--model", help="built-in name, folder or hub name; default: the built-in one")


def classifier_of(options: argparse.Namespace) -> Any:
    """The classifier that --run or --model names."""
    from engine.analysis.classifier import load_classifier

    return load_classifier(options.model, options.run, progress("fine-tuning the ready-made classifier, once"))


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The flags that say how a data file is to be read, where its columns' names and its labels do not."""
    for name, help_ in (
        ("text", "which column holds the texts"),
        ("pair", "which column holds the second texts of pairs"),
        ("label", "which column holds the labels"),
    ):
        parser.add_argument(f"--{name}-column", default="", metavar="NAME", help=f"{help_} (default: by its name)")
    parser.add_argument("--label-kind", default="", metavar="KIND", help="what labels are: classes or scores")


def named_dataset(options: argparse.Namespace) -> str:
    """The data set that --dataset names, with how it is to be read."""
    from engine.data.columns import Reading
    from engine.data.sources import with_reading

    how = Reading(options.text_column, options.pair_column, options.label_column, options.label_kind)
    return with_reading(options.dataset, how)


def add_dataset(parser: argparse.ArgumentParser, limit: int = 200) -> None:
    """The flags --dataset, --split, --limit and --seed, and those of the classifier."""
    parser.add_argument("--dataset", default="movie-sentiment", help="built-in name, path or hub name")
    parser.add_argument("--split", default="validation")
    parser.add_argument(
        "--limit", type=whole(1), default=limit, metavar="N", help=f"a fixed sample of N examples ({limit})"
    )
    parser.add_argument("--seed", type=SEED, default=0)
    add_reading(parser)
    add_classifier(parser)


def dataset_of(options: argparse.Namespace) -> dict[str, Any]:
    """What these flags say, as analyses take it."""
    return {"dataset": named_dataset(options), "split": options.split, "limit": options.limit}


def unread(tokenizer: Any, text: str) -> list[str]:
    """That a tokenizer cannot write a text, for a document's `remarks`."""
    from engine.data.legibility import unreadable

    return [said for said in (unreadable(tokenizer, [text]),) if said]


def remarked(classifier: Any, **values: Any) -> list[str]:
    """What a person must know of an analysis besides its result, for a document's `remarks`."""
    from engine.analysis.remarks import remarks

    return remarks(classifier, values)
