"""Runs: train, list, cancel, resume; and what the app needs to be ready."""

import argparse
import sys

from engine.commands.common import (
    Verb,
    add_reading,
    add_settings,
    named_dataset,
    pairs,
    progress,
    show,
)
from engine.errors import UserError
from engine.paths import path_of
from engine.process import quick_imports
from engine.tables import columns


def add(verb: Verb) -> None:
    """The verbs of this module."""
    made = verb("train", _train, "Fine-tune a model; the run is kept.")
    for name, help_ in (
        ("--method", "a fine-tuning method (the verb methods lists them), or to pre-train electra or macbert"),
        ("--dataset", "built-in name, path or hub name"),
        ("--model", "built-in name, folder or hub name"),
        ("--max-steps", "optimiser steps (else --set epochs=3)"),
        ("--seed", "seed of everything random"),
        ("--name", "a name for people"),
        ("--preset", "settings of a published run, such as 'RoBERTa-large SST-2' (see: methods --json)"),
    ):
        made.add_argument(name, required=name in ("--method", "--dataset"), help=help_)
    made.add_argument("--data-dir", metavar="DIR", help="folder with the files of --dataset glue/TASK")
    add_reading(made)
    add_settings(made)
    made.add_argument("--detach", action="store_true", help="train in the background, through the queue")
    made = verb("runs", _runs, "List the runs.")
    made.add_argument("--tensorboard", metavar="FOLDER", help="also write their curves there, as TensorBoard's logs")
    made = verb("cancel", _cancel, "Stop a run; it can be resumed.")
    made.add_argument("run")
    made = verb("resume", _resume, "Go on with a cancelled, crashed or failed run from its last checkpoint.")
    made.add_argument("run")
    made.add_argument("--detach", action="store_true", help="in the background, through the queue")
    made.add_argument(
        "--halve-batch", action="store_true", help="half the batch, twice the accumulation: after running out of memory"
    )
    verb("prepare", _prepare, "Fetch the built-in data and make the ready-made classifier.", json_=False)


def _assisting(detach: bool) -> bool:
    """Whether this is not the first of a launcher's processes: then it trains along with the first, and is done.

    Raises:
        UserError: `detach`, which would leave the other processes waiting.
    """
    from engine import distributed

    distributed.join()
    if detach and distributed.processes() > 1:
        raise UserError("--detach does not go with a launcher of several processes: leave it out.")
    if distributed.is_first():
        return False
    from engine.runs.execution import assist

    try:
        assist()
    finally:
        distributed.leave()
    return True


def _train(options: argparse.Namespace) -> None:
    from engine.runs.config import TrainConfig

    if _assisting(options.detach):
        return
    if options.data_dir is not None:
        if not options.dataset.startswith("glue/"):
            raise UserError("--data-dir goes with --dataset glue/TASK; a file or folder of your own is --dataset PATH.")
        options.dataset = f"{options.dataset}@{path_of(options.data_dir).absolute()}"
    options.dataset = named_dataset(options)
    given = {name: value for name in TrainConfig.own_names() if (value := getattr(options, name, None)) is not None}
    config = TrainConfig.build(given, pairs(options.set), options.preset or "")
    with quick_imports():
        from engine.runs import queue
        from engine.runs.build import check
    from engine.runs.store import Store

    for said in check(config):
        print(said, file=sys.stderr)
    if options.detach:
        run = queue.submit(config)
        show(run.document(), options.json, f"{run.id} {run.status}\n{run.folder}")
        return
    run = Store().create(config.as_dict(), status="starting")
    _finish(run.id, options.json)


def _finish(identifier: str, as_json: bool) -> None:
    """Do a run in this process, with a progress bar on stderr."""
    from engine import distributed
    from engine.data.marks import said_of
    from engine.runs import queue
    from engine.runs.execution import execute

    try:
        run = execute(identifier, progress=True)
    finally:
        distributed.leave()
        queue.glance()
    document = run.document()
    score = ", ".join(f"{name} {value:.4f}" for name, value in run.metrics.items() if isinstance(value, float))
    if run.doubt:
        print(said_of(run.doubt), file=sys.stderr)
    show(document, as_json, f"{run.id} {run.status} after {run.step} steps, {run.seconds:.0f} s: {score}\n{run.folder}")


def _runs(options: argparse.Namespace) -> None:
    from engine.runs import queue
    from engine.runs.store import Store

    queue.glance()
    found = Store().all()
    rows = [
        (
            run.id,
            run.status,
            f"{run.step}/{run.max_steps or '?'}",
            f"{run.metrics[run.metrics['main_metric']]:.4f}" if run.metrics.get("main_metric") else "-",
            run.marked_title,
        )
        for run in found
    ]
    text = columns(rows, ("run", "status", "step", "score", "name")) if rows else "There are no runs yet."
    if options.tensorboard is not None:
        from engine.runs import tensorboard

        tensorboard.write(found, path_of(options.tensorboard))
    show([run.document() for run in found], options.json, text)


def _cancel(options: argparse.Namespace) -> None:
    from engine.runs import queue

    run = queue.cancel(options.run)
    word = "cancelled" if run.status == "cancelled" else "stops after its present step"
    show(run.document(), options.json, f"{run.id} {word}")


def _resume(options: argparse.Namespace) -> None:
    from engine.runs import queue

    if _assisting(options.detach):
        return
    run = queue.resume(options.run, start=options.detach, halve_batch=options.halve_batch)
    if options.detach:
        show(run.document(), options.json, f"{run.id} {run.status}")
    else:
        _finish(run.id, options.json)


def _prepare(options: argparse.Namespace) -> None:
    from engine.data.builtin import prepare
    from engine.projection import compile_once
    from engine.subjects.classifier import load_classifier

    prepare()
    compile_once()
    classifier = load_classifier(progress=progress("fine-tuning the ready-made classifier, once"))
    print(f"Ready: {classifier.origin}.")
