"""The command line, `python -m engine …`: exit 0 on success; on bad input one line on stderr and exit 2."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from engine.errors import UserError


class _Parser(argparse.ArgumentParser):
    """argparse with one line for an error instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help.")


def _pairs(pairs: Sequence[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserError(f"--set takes key=value, but it is {pair[:60]!r}.")
        settings[key.strip()] = value.strip()
    return settings


def _show(document: Any, as_json: bool, text: str) -> None:
    print(json.dumps(document, ensure_ascii=False) if as_json else text)


def _columns(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _methods(options: argparse.Namespace) -> None:
    from engine.methods import methods

    found = [
        {
            "name": method.name,
            "title": method.title,
            "reference": method.reference,
            "summary": method.summary,
            "equation": method.equation,
            "settings": method.Settings.schema(),
            "presets": {name: dict(values) for name, values in method.presets.items()},
            "cost": method().floor / 3,
        }
        for method in methods()
    ]
    rows = [(each["name"], f"{each['cost']:.2f}", ", ".join(each["settings"]) or "-") for each in found]
    _show(found, options.json, _columns(rows, ("method", "cost of a batch / vanilla", "settings")))


def _datasets(options: argparse.Namespace) -> None:
    from engine.data.sources import builtin_tasks

    found = [
        {
            "name": task.name,
            "kind": task.kind,
            "labels": task.label_names,
            "metrics": task.metrics,
            "language": task.language,
            "description": task.description,
            "source": task.source,
        }
        for task in builtin_tasks()
    ]
    rows = [(each["name"], each["kind"], each["language"], each["description"]) for each in found]
    text = _columns(rows, ("data set", "kind", "language", "what it is"))
    _show(found, options.json, f"{text}\nAlso: a path to a TSV, CSV, JSONL or Parquet file or folder, or a hub name.")


def _models(options: argparse.Namespace) -> None:
    from engine.models import BUILTIN

    found = [{"name": name, "description": text} for name, text in BUILTIN.items()]
    text = _columns([(each["name"], each["description"]) for each in found], ("model", "what it is"))
    _show(found, options.json, f"{text}\nAlso: a folder with safetensors weights, or a hub name.")


def _train(options: argparse.Namespace) -> None:
    from engine.runs.config import TrainConfig

    given = {name: value for name in TrainConfig.own_names() if (value := getattr(options, name, None)) is not None}
    config = TrainConfig.build(given, _pairs(options.set))
    from engine.data.sources import load_dataset
    from engine.models import load_model
    from engine.runs import queue
    from engine.runs.store import Store

    # Everything that can be wrong is looked at before a run exists, so that nothing half-made stays behind.
    data = load_dataset(config.dataset)
    load_model(config.model, data.task, config.seed)
    if options.detach:
        run = queue.submit(config)
        _show(run.document(), options.json, f"{run.id} {run.status}\n{run.folder}")
        return
    run = Store().create(config.as_dict(), status="starting")
    _finish(run.id, options.json)


def _finish(identifier: str, as_json: bool) -> None:
    """Do a run in this process, with a progress bar on stderr."""
    from engine.runs import queue
    from engine.runs.worker import execute

    try:
        run = execute(identifier, progress=True)
    finally:
        queue.advance()
    document = run.document()
    score = ", ".join(f"{name} {value:.4f}" for name, value in run.metrics.items() if isinstance(value, float))
    _show(
        document, as_json, f"{run.id} {run.status} after {run.step} steps, {run.seconds:.0f} s: {score}\n{run.folder}"
    )


def _runs(options: argparse.Namespace) -> None:
    from engine.runs import queue
    from engine.runs.store import Store

    queue.advance()
    found = Store().all()
    rows = [
        (
            run.id,
            run.status,
            f"{run.step}/{run.max_steps or '?'}",
            f"{run.metrics[run.metrics['main_metric']]:.4f}" if run.metrics.get("main_metric") else "-",
            run.title,
        )
        for run in found
    ]
    text = _columns(rows, ("run", "status", "step", "score", "name")) if rows else "There are no runs yet."
    _show([run.document() for run in found], options.json, text)


def _cancel(options: argparse.Namespace) -> None:
    from engine.runs import queue

    run = queue.cancel(options.run)
    word = "cancelled" if run.status == "cancelled" else "stops after its present step"
    _show(run.document(), options.json, f"{run.id} {word}")


def _resume(options: argparse.Namespace) -> None:
    from engine.runs import queue

    run = queue.resume(options.run, start=options.detach)
    if options.detach:
        _show(run.document(), options.json, f"{run.id} {run.status}")
    else:
        _finish(run.id, options.json)


def _progress(label: str) -> Any:
    """A progress bar on stderr for what may take longer than a second."""
    from tqdm import tqdm

    bar = tqdm(desc=label, leave=False, disable=not sys.stderr.isatty(), delay=1)

    def report(step: int, steps: int) -> None:
        bar.total = steps
        bar.update(step - bar.n)

    return report


def _trace(options: argparse.Namespace) -> None:
    from engine.methods import get_method

    method_class = get_method(options.method)
    settings = method_class.Settings.parse(_pairs(options.set))
    if options.steps is not None and not 0 <= options.steps <= 50:
        raise UserError(f"--steps must be 0 to 50, but it is {options.steps}.")
    if not options.text.strip():
        raise UserError("The text is empty: give at least one word.")
    from engine.analysis.classifier import load_classifier
    from engine.analysis.trace import trace

    classifier = load_classifier(options.model, options.run, _progress("fine-tuning the ready-made classifier, once"))
    method = method_class(settings, special_token_ids=classifier.tokenizer.all_special_ids, seed=options.seed)
    found = trace(
        classifier, method, options.text, options.text_pair, options.label, steps=options.steps, seed=options.seed
    )
    if found.truncated:
        print(f"The text was cut to the first {len(found.tokens)} tokens, all that the model reads.", file=sys.stderr)
    rows = [
        (step, f"{norm:.4g}", f"{loss:.4f}", "  ".join(f"{value:.4f}" for value in row))
        for step, (norm, loss, row) in enumerate(zip(found.norms, found.loss, found.probabilities, strict=True))
    ]
    tokens = [
        (token, f"{norm:.4g}", near[0]["token"] if near else "-", f"{near[0]['distance']:.3f}" if near else "-")
        for token, norm, near in zip(found.tokens, found.token_norms[-1], found.nearest, strict=True)
    ]
    text = f"{found.origin}\n\n{_columns(rows, ('step', '|delta|', 'loss', '  '.join(found.labels)))}\n\n"
    text += _columns(tokens, ("token", "|delta|", "nearest other", "distance"))
    _show(found.document(), options.json, text)


def _table(options: argparse.Namespace) -> None:
    from engine.analysis.table import largest_rows
    from engine.models import load_tokenizer
    from engine.runs.store import Store

    if options.top < 1:
        raise UserError(f"--top must be at least 1, but it is {options.top}.")
    run = Store().find(options.run)
    found = largest_rows(run, load_tokenizer(run.config["model"]), options.top)
    rows = [(row["token"], f"{row['norm']:.4f}", row["count"]) for row in found["rows"]]
    text = f"step {found['step']}: {found['touched']} of {found['vocabulary']} rows were ever touched\n"
    _show(found, options.json, text + _columns(rows, ("token", "|Z[w]|", "times written")))


def _prepare(options: argparse.Namespace) -> None:
    from engine.analysis.classifier import load_classifier
    from engine.data.builtin import prepare

    prepare()
    classifier = load_classifier(progress=_progress("fine-tuning the ready-made classifier, once"))
    print(f"Ready: {classifier.origin}.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m engine", description="Adversarial training of text encoders, and what it does.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, action: Any, help_: str, json_: bool = True) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=help_, description=help_)
        made.set_defaults(action=action)
        if json_:
            made.add_argument("--json", action="store_true", help="one JSON document on stdout, nothing else there")
        return made

    def settings(made: argparse.ArgumentParser) -> None:
        made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting; may be repeated")

    verb("methods", _methods, "List the methods, their settings and their cost.")
    verb("datasets", _datasets, "List the built-in data sets.")
    verb("models", _models, "List the built-in models.")
    made = verb("train", _train, "Fine-tune a model; the run is kept.")
    for name, help_ in (
        ("--method", "vanilla, pgd, freeat, freelb, smart, textat"),
        ("--dataset", "built-in name, path or hub name"),
        ("--model", "built-in name, folder or hub name"),
        ("--max-steps", "optimiser steps (else --set epochs=3)"),
        ("--seed", "seed of everything random"),
        ("--name", "a name for people"),
    ):
        made.add_argument(name, required=name in ("--method", "--dataset"), help=help_)
    settings(made)
    made.add_argument("--detach", action="store_true", help="train in the background, through the queue")
    verb("runs", _runs, "List the runs.")
    made = verb("cancel", _cancel, "Stop a run; it can be resumed.")
    made.add_argument("run")
    made = verb("resume", _resume, "Go on with a cancelled, crashed or failed run from its last checkpoint.")
    made.add_argument("run")
    made.add_argument("--detach", action="store_true", help="in the background, through the queue")
    made = verb("trace", _trace, "Follow a method's ascent on one text, step by step.")
    made.add_argument("--text", required=True)
    made.add_argument("--text-pair")
    made.add_argument("--label", help="class number or name, or score; default: the model's own prediction")
    made.add_argument("--method", default="pgd")
    made.add_argument("--steps", type=int, metavar="K")
    made.add_argument("--seed", type=int, default=0)
    settings(made)
    of = made.add_mutually_exclusive_group()
    of.add_argument("--run")
    of.add_argument("--model")
    made = verb("table", _table, "Show the largest rows of a TextAT run's table.")
    made.add_argument("--run", required=True)
    made.add_argument("--top", type=int, default=20, metavar="N")
    verb("prepare", _prepare, "Fetch the built-in data and make the ready-made classifier.", json_=False)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        options = _parser().parse_args(arguments)
        options.action(options)
    except UserError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0
