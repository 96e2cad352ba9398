"""Makes docs/robustness.md: does training with a method make a model robust?

    python benchmarks/robust.py [--steps 150] [--seeds 3] [--limit 100]

Every method × seed is trained through the queue (runs that are there are not trained again), then attacked in embedding
space and with real words; the first seed's models are bounded from both sides. What was measured is kept in
docs/robustness.json, so that a stopped command goes on.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.process import wait_politely

wait_politely()

from app.drawing import figures
from benchmarks.writing import DOCS, picture, table, written
from engine import statistics
from engine.catalogue import analyse
from engine.runs.run import Run
from engine.studies import studies, training
from engine.subjects.classifier import load_classifier

METHODS = ["vanilla", "pgd", "freeat", "freelb", "smart", "textat", "ranmask"]
EPSILONS = [0.0, 0.05, 0.1, 0.2, 0.4]
PGD = {"epsilons": EPSILONS, "steps": 5, "restarts": 1}
SEARCHES = {"greedy": {}, "random": {}, "any word": {"search": "greedy", "keep_meaning": False}}
STRONG = {"epsilons": [0.2], "steps": 20, "restarts": 1}  # The same number of gradients for both.
BOUNDED = 10  # Sentences of the first seed's models.
SANDWICH = {"epsilons": [0.0, 0.05, 0.1, 0.2], "limit": BOUNDED}
IN_WORDS = {"most_words": 3, "limit": BOUNDED}
KEPT = DOCS / "robustness.json"


def trained(steps: int, seeds: int) -> list[tuple[studies.StudyCell, Run]]:
    """All cells of the study with their completed runs; trains what is missing."""
    study = studies.study_from(
        {"name": "robustness", "methods": METHODS, "seeds": list(range(seeds)), "run": {"max_steps": steps}}
    )
    wanted = studies.cells(study)
    runs = training.train_in_queue(wanted, study.name, lambda state: print(state, file=sys.stderr, flush=True))
    if failed := training.progress_of(wanted, runs)["failed"]:
        raise SystemExit(f"{failed} of {len(wanted)} runs did not complete: see `python -m engine runs`.")
    return [(cell, runs[cell.key]) for cell in wanted]


def attacked(run: Run, limit: int, kept: dict, bounded: bool) -> dict:
    """What the attacks leave of one run's model, as plain numbers; `kept`: what is known of it already; `bounded`: both bounds too."""
    parts = {"pgd", "ece", "strong", *SEARCHES, *(("sandwich", "word sandwich") if bounded else ())}
    parts -= {*kept, *kept.get("words", {})}
    found = {
        "words": {},
        **kept,
        "validation": run.metrics["accuracy"],
        "majority": run.metrics["majority"],
        "mark": run.mark,
    }
    if not parts:
        return found
    classifier = load_classifier(run=run.id)
    of = {"dataset": "movie-sentiment", "limit": limit}
    if "pgd" in parts:
        curve = analyse("robust accuracy", classifier, None, **PGD, **of)
        found["pgd"] = {str(point.epsilon): [point.accuracy, point.longer] for point in curve.curve}
    for search in (each for each in SEARCHES if each in parts):
        found["words"][search] = analyse(
            "word attack", classifier, None, **{"search": search, **SEARCHES[search]}, **of
        ).summary
    if "strong" in parts:
        found["strong"] = {
            attack: {
                str(point.epsilon): point.accuracy
                for point in analyse("robust accuracy", classifier, None, attack=attack, **STRONG, **of).curve
            }
            for attack in ("pgd", "apgd")
        }
    if "sandwich" in parts:
        points = analyse("sandwich", classifier, None, dataset="movie-sentiment", **SANDWICH).curve
        found["sandwich"] = {str(at.epsilon): [at.certified, at.attacked] for at in points}
    if "word sandwich" in parts:
        points = analyse("word sandwich", classifier, None, dataset="movie-sentiment", **IN_WORDS).curve
        found["word sandwich"] = {str(at.words): [at.certified, at.attacked] for at in points}
    if "ece" in parts:
        found["ece"] = analyse("calibration", classifier, None, dataset="movie-sentiment", limit=1000).ece
    return found


def measured(cells: list[tuple[studies.StudyCell, Run]], limit: int) -> dict[str, list[dict]]:
    """Method → one result per seed; from what is kept where it is there."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    found: dict[str, list[dict]] = {}
    for cell, run in cells:
        key = f"{cell.method} {cell.config.max_steps} steps, seed {cell.seed}, {limit} sentences ({cell.key})"
        print(key, file=sys.stderr, flush=True)
        kept[key] = attacked(run, limit, kept.get(key, {}), bounded=cell.seed == 0)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")
        found.setdefault(cell.method, []).append(kept[key])
    return found


def spread(values: list[float]) -> str:
    """Median (lowest to highest), two digits."""
    return statistics.spread(values, 2)


def reading(found: dict[str, list[dict]], column: str, value, methods: list[str] = METHODS[1:]) -> list[str]:
    """What may be said of every method against vanilla in one column: the seeds' ranges apart, or not."""
    base = [value(one) for one in found["vanilla"]]
    groups: dict[str, list[str]] = {"higher": [], "lower": [], "": []}
    for method in methods:
        own = [value(one) for one in found[method]]
        groups["higher" if min(own) > max(base) else "lower" if max(own) < min(base) else ""].append(method)
    said = [
        f"{word} in every seed than vanilla in any: {', '.join(names)}"
        for word, names in groups.items()
        if word and names
    ]
    if groups[""]:
        said.append(f"ranges overlap vanilla's (nothing shown): {', '.join(groups[''])}")
    return [f"- **{column}**: {'; '.join(said)}."]


def main() -> None:
    """Train, attack, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=100, help="validation sentences that are attacked")
    options = parser.parse_args()
    found = measured(trained(options.steps, options.seeds), options.limit)
    majority = found["vanilla"][0]["majority"]
    every = [one["validation"] for ones in found.values() for one in ones]
    above = sum(value > majority for value in every)
    columns = {
        "validation, all": lambda one: one["validation"],
        "clean": lambda one: one["pgd"]["0.0"][0],
        **{f"PGD, ε = {at}": (lambda one, at=at: one["pgd"][str(at)][0]) for at in EPSILONS[1:]},
        "greedy words": lambda one: one["words"]["greedy"]["after_attack"],
        "greedy, opposites too": lambda one: one["words"]["any word"]["after_attack"],
        "random words": lambda one: one["words"]["random"]["after_attack"],
    }
    marked_runs = [
        f"{method}, seed {seed} ({one['mark']})"
        for method, ones in found.items()
        for seed, one in enumerate(ones)
        if one.get("mark")
    ]
    rows = [
        {"method": method + " ⚠" * any(one.get("mark") for one in ones), **{name: spread([value(one) for one in ones]) for name, value in columns.items()},
         "calibration error": spread([one["ece"] for one in ones])}
        for method, ones in found.items()
    ]  # fmt: skip
    costs = [
        {"method": method,
         "words changed": spread([one["words"]["greedy"]["words_changed"] or 0.0 for one in ones]),
         "similarity": spread([one["words"]["greedy"]["similarity"] or 0.0 for one in ones]),
         "queries": f"{median(one['words']['greedy']['queries'] for one in ones):.0f}",
         "PGD, largest loss by twice the steps": f"{max(a - b for one in ones for a, b in one['pgd'].values()):.2f}"}
        for method, ones in found.items()
    ]  # fmt: skip
    strong = {
        attack: [one["strong"][attack][str(at)] for ones in found.values() for one in ones for at in STRONG["epsilons"]]
        for attack in ("pgd", "apgd")
    }
    weaker = sum(b > a for a, b in zip(strong["pgd"], strong["apgd"], strict=True))
    gained = max(a - b for a, b in zip(strong["pgd"], strong["apgd"], strict=True))
    bounds = [
        {"method": method,
         **{f"δ, ε = {at}": f"{one['sandwich'][str(at)][0]:.2f} to {one['sandwich'][str(at)][1]:.2f}" for at in SANDWICH["epsilons"]},
         **{f"{count} changed word{'s' * (count > 1)}": "{:.2f} to {:.2f}".format(*one["word sandwich"][str(count)])
            for count in range(1, IN_WORDS["most_words"] + 1)}}
        for method, (one, *_) in found.items()
    ]  # fmt: skip
    ranges = [
        (one["words"]["greedy"]["success"], one["words"]["any word"]["success"])
        for ones in found.values()
        for one in ones
    ]
    curves = {
        method: [(at, median(one["pgd"][str(at)][0] for one in ones)) for at in EPSILONS]
        for method, ones in found.items()
    }
    bands = {
        method: [
            (min(one["pgd"][str(at)][0] for one in ones), max(one["pgd"][str(at)][0] for one in ones))
            for at in EPSILONS
        ]
        for method, ones in found.items()
    }
    bars = {
        name: {method: median(columns[name](one) for one in ones) for method, ones in found.items()}
        for name in ("clean", "random words", "greedy words")
    }
    page = [
        "# Does training with a method make the model robust?",
        "",
        f"Made by `python benchmarks/robust.py --steps {options.steps} --seeds {options.seeds} --limit {options.limit}`: the"
        f" built-in encoder, {options.steps} optimiser steps on `movie-sentiment`, batch 32, every method with its defaults,"
        f" seeds 0 to {options.seeds - 1}; attacked on {options.limit} validation sentences (the same for all). Accuracies:"
        " median (lowest to highest) over the seeds. One sentence more or less is"
        f" {1 / options.limit:.2f}, and sampling alone moves an accuracy of 0.85 by about"
        f" ±{1.96 * (0.85 * 0.15 / options.limit) ** 0.5:.2f}; the attacked sentences being the same, differences between"
        " methods move less. *Validation, all* is the accuracy on the whole validation split at the end of the run (always saying"
        f" the more frequent class: {majority:.3f}; {above} of {len(every)} runs lie above). All numbers are in [robustness.json](robustness.json).",
        "",
        table(rows),
        *([f"⚠ {'; '.join(marked_runs)}: what attacks leave of such a model says nothing, and it is in its method's ranges.", ""] if marked_runs else []),
        "PGD: on the true label's loss in embedding space, ε as Frobenius norm per sentence,"
        f" {PGD['steps']} steps with falling step size, from δ = 0. Greedy words: the most important words first,"
        " replaced by similar ones that are no opposites (WordNet, people's ratings of words) nor other parts of speech (at most 30 % of the words,"
        " sentence similarity as set by default); *opposites too*: by any similar ones. Random words: the same candidates, places"
        " and words by chance. Calibration error: ECE over 1,000 validation sentences.",
        "",
        picture(figures.lines(curves, "ε (Frobenius per sentence, embedding units)", "accuracy", bands=bands),
                "robust-curve", "Accuracy against ε under PGD: median and range over the seeds"),
        picture(figures.bars(bars, "method", "accuracy"), "robust-words", "Accuracy before and after the word attacks (median)"),
        "## What can be said",
        "",
        *(line for name, value in columns.items() for line in reading(found, name, value)),
        "",
        f"With {options.seeds} seeds per method no test can reach p < 0.05 (an exact sign-flip test needs 6), so these are"
        " observations, not claims. Robust accuracy under PGD is an upper bound: another attack may find more.",
        "",
        "## From both sides",
        "",
        f"The first seed's models, {BOUNDED} sentences: what is certified to what an attack leaves, of the smoothed classifier (for δ"
        " the one under noise, for words the one under random masks; `sandwich` and `word-sandwich` with their defaults). The"
        f" truth lies between; with {BOUNDED} sentences it is known to 0.1 at best.",
        "",
        table(bounds),
        "## What the attacks took",
        "",
        f"APGD beside PGD with as many gradients ({STRONG['steps']} steps, ε = {' and '.join(map(str, STRONG['epsilons']))}): it leaves"
        f" more in {weaker} of {len(strong['pgd'])} cases (models × ε), and up to {gained:.2f} less. Without opposites and words of other"
        f" parts of speech greedy search succeeds on {median(a for a, _ in ranges):.0%} of the sentences (median over the models), with"
        f" them on {median(b for _, b in ranges):.0%}.",
        "",
        table(costs),
        "Words changed and similarity: of the successful greedy attacks.",
        "",
    ]  # fmt: skip
    print(written("robustness", page))


if __name__ == "__main__":
    main()
