"""A verb for every analysis, made from what the analysis declares: its flags, its JSON, its text."""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from engine.analysis import ANALYSES
from engine.commands.common import Verb, add_reading, add_settings, named_dataset, pairs, progress, show, unread
from engine.errors import UserError
from engine.settings import Settings

# Verbs whose name is not the analysis's, or that put several together: name → analyses, what is said of it.
TOGETHER = {
    "smoothness": (
        ("smoothness", "smoothness curve"),
        "SMART's KL of every example, in the worst and a random direction, and against ε.",
    ),
    "robustness": (("robust accuracy", "calibration"), "Accuracy against ε under PGD, and calibration."),
    "attack": (("word attack",), "Attack a classifier with real words."),
}
ELSEWHERE = ("study",)  # A verb that does more than look.


def add(verb: Verb) -> None:
    """The verbs of this module. The flags of one are made, and its analysis imported, when it is called."""
    for module in ANALYSES.modules():
        name = module.replace("_", "-")
        if name not in TOGETHER and name not in (*ELSEWHERE, "table"):
            verb(name, _run, ANALYSES.summary(module), fill=partial(_fill, names=(module.replace("_", " "),)))
    for name, (names, help_) in TOGETHER.items():
        verb(name, _run, help_, fill=partial(_fill, names=names))
    verb("table", _table, "The largest rows of a TextAT run's table; one token's row; a map of them.", fill=_fill_table)
    verb("mask", _mask, "Mask one text with a strategy of MacBERT's Figure 1.", fill=_fill_mask)


def _fill(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    parts = [ANALYSES.get(name) for name in names]
    parser.set_defaults(analyses=list(names))
    schemas: dict[str, dict[str, Any]] = {}
    for part in parts:
        schemas |= {name: schema for name, schema in part.Settings.schema().items() if name not in schemas}
    add_flags(parser, schemas)
    if parts[0].kind == "classifier":
        of = parser.add_mutually_exclusive_group()
        of.add_argument("--run", help="a run (RUN@STEP: a model it kept)")
        of.add_argument("--model", help="built-in name, folder or hub name; default: the built-in one")
    elif parts[0].kind in ("pair", "run"):
        parser.add_argument(
            "--run",
            required=parts[0].kind == "run",
            help="a run" + " (default: the ready-made pair)" * (parts[0].kind == "pair"),
        )


def add_flags(parser: argparse.ArgumentParser, schemas: dict[str, dict[str, Any]]) -> None:
    """A flag for every field; only those that are given reach the analysis, which checks them."""
    for name, schema in schemas.items():
        if name == "settings" or "const" in schema:
            continue
        flag = f"--{name.replace('_', '-')}"
        known = name == "dataset" and "default" in schema  # How it is read may be said of the default one too.
        shared: dict[str, Any] = {"default": schema["default"] if known else argparse.SUPPRESS}
        default = "" if schema.get("default") in (None, "") else f" (default: {_words(schema['default'])})"
        default = default if "default" in schema else " (needed)"
        help_ = (schema.get("description", "").rstrip(".") + default).replace("%", "%%")
        if schema.get("type") == "boolean":
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, help=help_, **shared)
        elif schema.get("repeated"):  # Texts, which have commas of their own.
            parser.add_argument(flag, action="append", metavar="TEXT", help=f"{help_}; may be repeated", **shared)
        elif schema.get("type") == "array":
            parser.add_argument(flag, type=lambda text: text.split(","), metavar="A,B,…", help=help_, **shared)
        else:
            parser.add_argument(flag, metavar=name.rpartition("_")[2].upper(), help=help_, **shared)
    if "dataset" in schemas:
        add_reading(parser)
    if "method" in schemas and "settings" in schemas:
        parser.add_argument(
            "--preset", metavar="NAME", help="settings of a published run, such as 'RoBERTa-large SST-2'"
        )
    add_settings(parser)


def _words(value: Any) -> str:
    return (
        ",".join(f"{each:g}" if isinstance(each, float) else str(each) for each in value)
        if isinstance(value, list)
        else str(value)
    )


def all_asked(options: argparse.Namespace, settings: Sequence[type[Settings]]) -> list[Any]:
    """What the flags ask of several analyses: --set belongs to those with settings of a method, if there are any."""
    inner = [each.inner({}) is not None for each in settings]
    given = pairs(getattr(options, "set", []))
    return [
        asked_of(options, each, given if own or not any(inner) else {})
        for each, own in zip(settings, inner, strict=True)
    ]


def asked_of(options: argparse.Namespace, settings: type[Settings], given: Mapping[str, Any]) -> Any:
    """What the flags ask of an analysis with these settings.

    Args:
        given: what --set was given.

    Raises:
        UserError: what its settings refuse.
    """
    names, flags = settings.names(), vars(options)
    values = {name: flags[name] for name in names if name in flags}
    if "dataset" in values:
        values["dataset"] = named_dataset(options)
    own = dict(given)
    inner = settings.inner(values)
    if inner is None:
        values |= own
    else:
        if getattr(options, "preset", None):
            from engine.methods import get_method

            own = {**get_method(str(values.get("method", "pgd"))).preset(options.preset)[0], **own}
        values["settings"] = inner.parse(own).as_dict()
    return settings.checked(values)


def _subject(options: argparse.Namespace, kind: str) -> Any:
    if kind == "classifier":
        from engine.subjects.classifier import load_classifier

        return load_classifier(options.model, options.run, progress("fine-tuning the ready-made classifier, once"))
    if kind == "pair":
        from engine.subjects.pair import load_electra

        return load_electra(options.run, progress("pre-training the ready-made pair, once"))
    if kind == "run":
        from engine.runs.store import Store

        return Store().find(options.run)
    return None


def _run(options: argparse.Namespace) -> None:
    parts = [ANALYSES.get(name) for name in options.analyses]
    asked = all_asked(options, [part.Settings for part in parts])
    subject = _subject(options, parts[0].kind)
    for why in filter(None, (part.refuses(subject) for part in parts)):
        raise UserError(why)
    document: dict[str, Any] = {}
    values = {name: value for each in reversed(asked) for name, value in each.as_dict().items()}
    texts = []
    said = _remarks(parts[0].kind, subject, asked[0].as_dict())
    for part, each in zip(parts, asked, strict=True):
        found = part.run(subject, each, progress(part.title))
        document |= found.document()
        texts.append(found.text())
    texts.append(_asked(values))
    show({**document, "asked": values, "remarks": said}, options.json, "\n\n".join(filter(None, texts)))


def _asked(values: Mapping[str, Any]) -> str:
    """What a result is of, in a line: the settings that have a value."""
    left_out = (
        {"dataset", "split", "limit"} if values.get("text") else set()
    )  # Of one text, where it could have been a data set.
    plain = {
        name: _words(list(value) if isinstance(value, tuple) else value)
        for name, value in values.items()
        if value not in (None, "") and not isinstance(value, dict) and name not in left_out
    }
    return "Asked: " + ", ".join(f"{name} {value[:80]}" for name, value in plain.items()) if plain else ""


def _remarks(kind: str, subject: Any, asked: dict[str, Any]) -> list[str]:
    """What a person must know of it besides the result."""
    if kind == "classifier":
        from engine.subjects.remarks import remarks

        return remarks(subject, asked)
    return unread(subject.tokenizer, asked["text"]) if kind == "pair" else []


def _fill_table(parser: argparse.ArgumentParser) -> None:
    _fill(parser, ["table"])
    parser.add_argument(
        "--token", metavar="T", help="one token's row: growth, class direction, neighbours in three spaces"
    )
    parser.add_argument("--map", metavar="SPACE", help="UMAP of the rows: Z, embedding or embedding + Z")


def _table(options: argparse.Namespace) -> None:
    if options.token is not None:
        options.analyses = ["token"]
    elif options.map is not None:
        options.analyses, options.space = ["table map"], options.map
    _run(options)


def _fill_mask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strategy", default="mac", help="original, wwm, ngram or mac (default: mac)")
    add_flags(parser, ANALYSES.get("masking").Settings.schema())


def _mask(options: argparse.Namespace) -> None:
    from engine.analysis.masking import MaskingOfText, mask_text
    from engine.data.segmentation import language_of
    from engine.errors import known
    from engine.models import load_tokenizer
    from engine.objectives.masking import STRATEGIES

    (asked,) = all_asked(options, [MaskingOfText])
    known("strategy", options.strategy, list(STRATEGIES))
    said = unread(load_tokenizer(asked.encoder(language_of(asked.text))), asked.text)
    found = mask_text(asked, options.strategy, progress("making the word vectors, once"))
    show({**found.document(), "remarks": said}, options.json, found.text())
