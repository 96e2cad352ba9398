"""Robustness: accuracy against ε, attacks that change words, calibration."""

import argparse
from dataclasses import asdict

from engine.commands.common import (
    Verb,
    add_dataset,
    add_settings,
    classifier_of,
    columns,
    dataset_of,
    pairs,
    progress,
    remarked,
    show,
    whole,
)


def add(verb: Verb) -> None:
    """The verbs of this module."""
    made = verb("robustness", _robustness, "Accuracy against ε under PGD, and calibration.")
    made.add_argument("--epsilons", metavar="ε,ε,…", help="radii, with commas between (0 to 0.6)")
    add_dataset(made)
    made.add_argument("--steps", type=whole(), default=10, metavar="K", help="of PGD (10)")
    made.add_argument("--restarts", type=whole(), default=2, help="attacks per ε (2)")
    made.add_argument("--schedule", default="linear", help="of the step size: linear or constant (linear)")
    made = verb("attack", _attack, "Attack a classifier with real words.")
    add_dataset(made, 50)
    made.add_argument("--search", default="greedy", help="greedy, hotflip, typos or random (greedy)")
    made.add_argument("--similar", default="", help="similar words: en, zh or a word2vec file; default: by the text")
    add_settings(made)


def _robustness(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse
    from engine.robustness.curve import EPSILONS, radii

    epsilons = list(EPSILONS) if options.epsilons is None else radii(options.epsilons)
    classifier = classifier_of(options)
    of = dataset_of(options)
    said = remarked(classifier, **of)
    found = analyse(
        "robust accuracy", classifier, progress("examples"), epsilons=epsilons, steps=options.steps, restarts=options.restarts,
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
    show({"origin": classifier.origin, "curve": curve, "calibration": sure, "remarks": said}, options.json, text)


def _attack(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse

    classifier = classifier_of(options)
    said = remarked(classifier, **dataset_of(options))
    found = analyse(
        "word attack", classifier, progress("examples"),
        search=options.search, similar=options.similar, seed=options.seed, **dataset_of(options), **pairs(options.set),
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
        "remarks": said,
        "examples": [{**asdict(each), "success": each.success} for each in found["examples"]],
    }
    show({"origin": classifier.origin, **document}, options.json, text)
