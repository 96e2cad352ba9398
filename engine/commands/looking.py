"""Looking inside: traces, tables, smoothness, landscapes, attributions, maps."""

import argparse
import sys
from dataclasses import asdict
from typing import Any

from engine.commands.common import (
    SEED,
    Verb,
    add_classifier,
    add_dataset,
    add_settings,
    classifier_of,
    columns,
    dataset_of,
    number,
    pairs,
    progress,
    remarked,
    show,
    whole,
)
from engine.errors import UserError, known


def add(verb: Verb) -> None:
    """The verbs of this module."""
    made = verb("trace", _trace, "Follow a method's ascent on one text, step by step.")
    _add_text(made)
    made.add_argument("--method", default="pgd")
    made.add_argument("--steps", type=whole(), metavar="K")
    made.add_argument("--preset", metavar="NAME", help="settings of a published run, such as 'RoBERTa-large SST-2'")
    add_settings(made)
    made = verb("table", _table, "Show the largest rows of a TextAT run's table.")
    made.add_argument("--run", required=True)
    made.add_argument("--top", type=whole(), default=20, metavar="N")
    made.add_argument(
        "--token", metavar="T", help="one token's row: growth, class direction, neighbours in three spaces"
    )
    made.add_argument("--map", metavar="SPACE", help="UMAP of the rows: Z, embedding or embedding + Z")
    made = verb("smoothness", _smoothness, "SMART's KL of every example, worst and random direction, and against ε.")
    add_dataset(made)
    add_settings(made)
    made = verb("landscape", _landscape, "The loss over a plane through one text's embedding, with the ascent paths.")
    _add_text(made)
    made.add_argument("--epsilon", type=number(0, 1e6), default=0.5, help="radius of the ball (0.5)")
    made.add_argument("--points", type=whole(), default=41, metavar="N", help="of the grid, each way; odd (41)")
    made.add_argument("--towards", metavar="PLACE:WORD", help="second direction: the token at PLACE becomes WORD")
    made = verb("attribution", _attribution, "Which tokens the output rests on, clean and perturbed (Captum).")
    _add_text(made)
    made.add_argument("--method", default="pgd")
    made.add_argument("--algorithm", default="integrated gradients")
    add_settings(made)
    made = verb("flip", _flip, "At which ε each method's ascent changes the prediction of one text.")
    _add_text(made)
    made.add_argument("--steps", type=whole(), default=5, metavar="K")
    made = verb("examples", _examples, "Loss, margin, smoothness and flip-ε of a data set's examples.")
    add_dataset(made)
    made = verb("map", _map, "UMAP of a split's sentence embeddings, clean and perturbed.")
    add_dataset(made)
    made.add_argument("--method", default="pgd")
    made.add_argument("--epsilon", type=number(0, 1e6), default=0.5)


def _add_text(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", required=True)
    parser.add_argument("--text-pair")
    parser.add_argument("--label", help="class number or name, or score; default: the model's own prediction")
    parser.add_argument("--seed", type=SEED, default=0)
    add_classifier(parser)


def _text(options: argparse.Namespace) -> dict[str, Any]:
    return {"text": options.text, "text_pair": options.text_pair, "label": options.label}


def _trace(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse
    from engine.methods import get_method

    method = get_method(options.method)
    of_preset = method.preset(options.preset)[0] if options.preset else {}
    settings = method.Settings.parse({**of_preset, **pairs(options.set)}).as_dict()
    if options.steps is not None and not 0 <= options.steps <= 50:
        raise UserError(f"--steps must be 0 to 50, but it is {options.steps}.")
    if not options.text.strip():
        raise UserError("The text is empty: give at least one word.")
    classifier = classifier_of(options)
    said = remarked(classifier, **_text(options))
    found = analyse(
        "trace",
        classifier,
        method=options.method,
        settings=settings,
        steps=options.steps,
        seed=options.seed,
        **_text(options),
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
    text = f"{found.origin}\n\n{columns(rows, ('step', '|delta|', 'loss', '  '.join(found.labels)))}\n\n"
    text += columns(tokens, ("token", "|delta|", "nearest other", "distance"))
    show({**found.document(), "remarks": said}, options.json, text)


def _table(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse
    from engine.analysis.table import largest_rows
    from engine.models import load_tokenizer
    from engine.runs.store import Store

    if options.top < 1:
        raise UserError(f"--top must be at least 1, but it is {options.top}.")
    run = Store().find(options.run)
    if options.token is not None:
        one = analyse("token", run, None, token=options.token)
        near = [(space, ", ".join(name for name, _ in each)) for space, each in one["neighbours"].items()]
        text = f"|Z[{one['token']}]| = {one['norm']:.4f}, met {one['count']} times, cosine with the class direction"
        show(one, options.json, f"{text} {one['cosine']:+.3f}\n" + columns(near, ("space", "nearest")))
        return
    if options.map is not None:
        at = analyse("table map", run, None, space=options.map)
        places = [(name, f"{x:.3f}", f"{y:.3f}") for name, x, y in zip(at["token"], at["x"], at["y"], strict=True)]
        show(at, options.json, columns(places, ("token", "x", "y")))
        return
    found = largest_rows(run, load_tokenizer(run.config["model"]), options.top)
    rows = [(row["token"], f"{row['norm']:.4f}", row["count"]) for row in found["rows"]]
    text = f"step {found['step']}: {found['touched']} of {found['vocabulary']} rows were ever touched\n"
    show(found, options.json, text + columns(rows, ("token", "|Z[w]|", "times written")))


def _smoothness(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse
    from engine.analysis.smoothness import bootstrap
    from engine.methods.smart import SMART

    settings = SMART.Settings.parse(pairs(options.set)).as_dict()
    classifier = classifier_of(options)
    of = dataset_of(options)
    said = remarked(classifier, **of)
    found = analyse("smoothness", classifier, progress("examples"), settings=settings, seed=options.seed, **of)
    curve = analyse("smoothness curve", classifier, progress("ε"), seed=options.seed, **of)
    worst = [each.adversarial for each in found]
    document = {
        "origin": classifier.origin,
        "dataset": options.dataset,
        "settings": settings,
        "mean": sum(worst) / len(worst),
        "interval": bootstrap(worst),
        "examples": [asdict(each) for each in found],
        "curve": curve,
        "remarks": said,
    }
    least = sorted(found, key=lambda each: -each.adversarial)[:10]
    rows = [(f"{each.adversarial:.3e}", f"{each.random:.3e}", each.text[:80]) for each in least]
    names = ("epsilon", "adversarial", "random", "ratio")
    text = f"{classifier.origin}\n\nleast smooth at ε = {settings['epsilon']}:\n"
    text += columns(rows, ("worst", "random", "text")) + "\n\n"
    text += columns([[f"{row[name]:.3e}" for name in names] for row in curve], ("epsilon", "worst", "random", "ratio"))
    show(document, options.json, text)


def _landscape(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse

    towards = None
    if options.towards is not None:
        place, _, word = options.towards.partition(":")
        if not place.isdecimal() or not word:
            raise UserError(f"--towards takes PLACE:WORD, such as 3:bad, but it is {options.towards[:40]!r}.")
        towards = (int(place), word)
    classifier = classifier_of(options)
    said = remarked(classifier, **_text(options))
    found = analyse(
        "landscape",
        classifier,
        progress("points"),
        epsilon=options.epsilon,
        points=options.points,
        towards=towards,
        seed=options.seed,
        **_text(options),
    )
    middle = len(found.axis) // 2
    rows = [
        (name, step, f"{at['a']:.3f}", f"{at['b']:.3f}", f"{at['off']:.3f}", f"{at['loss']:.4f}")
        for name, path in found.paths.items()
        for step, at in enumerate(path)
    ]
    text = f"loss in the middle {found.loss[middle][middle]:.4f}, largest {max(map(max, found.loss)):.4f}\n\n"
    show(
        {**asdict(found), "remarks": said},
        options.json,
        text + columns(rows, ("method", "step", "a", "b", "off the plane", "loss")),
    )


def _attribution(options: argparse.Namespace) -> None:
    from engine.analysis.attribution import ALGORITHMS
    from engine.analysis.catalogue import analyse
    from engine.methods import get_method

    settings = get_method(options.method).Settings.parse(pairs(options.set)).as_dict()
    known("attribution algorithm", options.algorithm, list(ALGORITHMS))
    classifier = classifier_of(options)
    said = remarked(classifier, **_text(options))
    found = analyse(
        "attribution",
        classifier,
        method=options.method,
        settings=settings,
        algorithm=options.algorithm,
        seed=options.seed,
        **_text(options),
    )
    rows = [
        (token, f"{clean:.4f}", f"{perturbed:.4f}", f"{norm:.4f}")
        for token, clean, perturbed, norm in zip(
            found.tokens, found.clean.values, found.perturbed.values, found.token_norms, strict=True
        )
    ]
    text = columns(rows, ("token", "clean", "perturbed", "|delta|"))
    text += f"\n\nrank correlation of |clean| and |delta|: {found.rank_correlation:.3f}"
    show({**asdict(found), "remarks": said}, options.json, text)


def _flip(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse

    classifier = classifier_of(options)
    of = {"text": options.text, "text_pair": options.text_pair}
    said = remarked(classifier, **of)
    found = analyse("flip", classifier, progress("methods"), steps=options.steps, seed=options.seed, **of)
    rows = [(name, "never" if epsilon is None else f"{epsilon:.4f}") for name, epsilon in found.items()]
    show(
        {"origin": classifier.origin, "flip_epsilon": found, "remarks": said},
        options.json,
        columns(rows, ("method", "flips at ε")),
    )


def _examples(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse

    classifier = classifier_of(options)
    said = remarked(classifier, **dataset_of(options))
    table = analyse("examples", classifier, progress("examples"), **dataset_of(options))
    found = table.astype(object).where(table.notna(), None).to_dict("records")
    show(
        {"origin": classifier.origin, "examples": found, "remarks": said},
        options.json,
        table.round(4).to_string(max_colwidth=60),
    )


def _map(options: argparse.Namespace) -> None:
    from engine.analysis.catalogue import analyse
    from engine.methods import REGISTRY

    known("method", options.method, list(REGISTRY))
    classifier = classifier_of(options)
    said = remarked(classifier, **dataset_of(options))
    table = analyse(
        "map",
        classifier,
        progress("sentences"),
        method=options.method,
        epsilon=options.epsilon,
        seed=options.seed,
        **dataset_of(options),
    )
    document = {"origin": classifier.origin, "sentences": table.to_dict("records"), "remarks": said}
    show(document, options.json, table.to_string(max_colwidth=50))
