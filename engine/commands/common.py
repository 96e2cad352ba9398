"""What all verbs share: settings, output, progress."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from engine.errors import UserError


class Verb(Protocol):
    """Adds a verb to the parser: its name, what it does, its help; `json_` gives it the flag --json.

    `fill` adds its flags once it is called: what they are made from need not be imported for other verbs.
    """

    def __call__(  # noqa: D102
        self,
        name: str,
        action: Callable[[argparse.Namespace], None],
        help_: str,
        json_: bool = True,
        fill: Callable[[argparse.ArgumentParser], None] | None = None,
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


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The flags that say how a data file is to be read, where its column names and labels do not make that clear."""
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


def unread(tokenizer: Any, text: str) -> list[str]:
    """A remark if a tokenizer cannot write a text, for a document's `remarks`."""
    from engine.data.legibility import unreadable

    return [said for said in (unreadable(tokenizer, [text]),) if said]
