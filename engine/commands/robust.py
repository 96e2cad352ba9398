"""Robustness: accuracy against ε, attacks that change words, calibration."""

import argparse
from dataclasses import asdict

from engine.commands.common import Verb, add_classifier, add_settings, columns, pairs, progress, show


def add(verb: Verb) -> None:
    """The verbs of this module."""
    made = verb("robustness", _robustness, "Accuracy against ε under PGD, and calibration.")
    _add_dataset(made, 200)
    made.add_argument("--steps", type=int, default=10, metavar="K", help="of PGD (10)")
    made.add_argument("--restarts", type=int, default=2, help="attacks per ε (2)")
    made.add_argument("--schedule", default="linear", help="of the step size: linear or constant (linear)")
    made = verb("attack", _attack, "Attack a classifier with real words.")
    _add_dataset(made, 50)
    made.add_argument("--search", default="greedy", help="greedy, hotflip, typos or random (greedy)")
    made.add_argument("--similar", default="", help="similar words: en, zh or a word2vec file; default: by the text")
    add_settings(made)


def _add_dataset(parser: argparse.ArgumentParser, limit: int) -> None:
    parser.add_argument("--dataset", default="movie-sentiment", help="built-in name, path or hub name")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--limit", type=int, default=limit, metavar="N", help=f"a fixed sample of N examples ({limit})")
    parser.add_argument("--seed", type=int, default=0)
    add_classifier(parser)


def _robustness(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse
    from engine.analysis.classifier import load_classifier

    classifier = load_classifier(options.model, options.run, progress("fine-tuning the ready-made classifier, once"))
    of = {"dataset": options.dataset, "split": options.split, "limit": options.limit}
    found = analyse(
        "robust accuracy", classifier, progress("examples"), steps=options.steps, restarts=options.restarts,
        schedule=options.schedule, seed=options.seed, **of,
    )  # fmt: skip
    sure = analyse("calibration", classifier, progress("examples"), **of)
    rows = [
        (f"{each.epsilon:g}", f"{each.accuracy:.3f}", f"{each.longer:.3f}", f"{each.low:.3f} to {each.high:.3f}")
        for each in found
    ]
    text = f"{classifier.origin}\n\n" + columns(rows, ("epsilon", "accuracy", "twice the steps", "95 % interval"))
    text += f"\n\nexpected calibration error {sure['ece']:.3f}"
    curve = [{**asdict(each), "converged": each.converged} for each in found]
    show({"origin": classifier.origin, "curve": curve, "calibration": sure}, options.json, text)


def _attack(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse
    from engine.analysis.classifier import load_classifier

    classifier = load_classifier(options.model, options.run, progress("fine-tuning the ready-made classifier, once"))
    found = analyse(
        "word attack", classifier, progress("examples"), dataset=options.dataset, split=options.split, limit=options.limit,
        search=options.search, similar=options.similar, seed=options.seed, **pairs(options.set),
    )  # fmt: skip
    rows = [
        (f"{each.probability:.2f}", f"{each.probability_after:.2f}", each.queries, each.after[:100])
        for each in found["examples"]
        if each.success
    ]
    text = "\n".join(f"{name}: {value:.3g}" for name, value in found["summary"].items())
    text = f"{classifier.origin}\n\n{text}\n\n" + columns(rows, ("before", "after", "queries", "text that fools it"))
    document = {
        "summary": found["summary"],
        "examples": [{**asdict(each), "success": each.success} for each in found["examples"]],
    }
    show({"origin": classifier.origin, **document}, options.json, text)
