"""Makes docs/sites.md: does δ at a layer protect as well as δ at the word embeddings?

    python benchmarks/sites.py [--steps 100] [--seeds 3] [--limit 60]

PGD and FreeLB at `layer:3` of the built-in encoder beside the same at `embeddings`, and vanilla. Hidden states are longer
than embeddings: ε, α and ε₀ at the layer are those of the embeddings times the ratio of the lengths, measured first, so that
δ is the same share of what it is added to. Runs that are there are not trained again; what was measured is kept in
docs/sites.json.
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

import torch

from benchmarks.robust import reading, spread
from benchmarks.writing import DOCS, table, written
from engine.anatomy import blocks, word_embeddings
from engine.catalogue import analyse
from engine.methods import get_method
from engine.runs.run import Run
from engine.studies import studies, training
from engine.subjects.classifier import load_classifier
from engine.subjects.samples import batches, examples

SITE = "layer:3"
DATASET = "movie-sentiment"
EPSILONS = [0.0, 0.1, 0.2, 0.4]
KEPT = DOCS / "sites.json"


def lengths(limit: int = 64) -> float:
    """How much longer the hidden states into block 3 are than the word embeddings: median over tokens of the ratio."""
    classifier = load_classifier()
    model = classifier.model
    found: list[float] = []
    for _, batch in batches(classifier, examples(classifier, DATASET, "train", limit)):
        inputs = {name: each for name, each in batch.items() if name != "labels"}
        seen: dict[str, torch.Tensor] = {}
        block = blocks(model, inputs)[int(SITE.removeprefix("layer:"))].module
        handles = [
            word_embeddings(model).register_forward_hook(lambda *a, seen=seen: seen.update(below=a[2])),
            block.register_forward_pre_hook(lambda module, given, seen=seen: seen.update(above=given[0])),
        ]
        with torch.no_grad():
            model(**inputs)
        for handle in handles:
            handle.remove()
        ratio = seen["above"].norm(dim=-1) / seen["below"].norm(dim=-1)
        found += ratio[batch["attention_mask"].bool()].tolist()
    return median(found)


def trained(steps: int, seeds: int, ratio: float) -> list[tuple[str, int, Run]]:
    """(name, seed, completed run) of every cell; trains what is missing."""
    scaled = {
        method: {"site": SITE, **{
            name: round(ratio * getattr(get_method(method)().settings, name), 4)
            for name in ("epsilon", "step_size", *(["start_magnitude"] if method == "freelb" else []))
        }}
        for method in ("pgd", "freelb")
    }  # fmt: skip
    run = {"max_steps": steps, "batch_size": 16, "evaluations": 1}
    each = {"methods": ["pgd", "freelb"], "datasets": [DATASET], "seeds": list(range(seeds)), "run": run}
    asked = [
        (SITE, {**each, "name": SITE, "settings": scaled}),
        ("embeddings", {**each, "name": "embeddings", "methods": ["vanilla", "pgd", "freelb"]}),
    ]
    found = []
    for site, document in asked:
        wanted = studies.cells(studies.study_from(document))
        runs = training.train_in_queue(wanted, site, lambda state: print(state, file=sys.stderr, flush=True))
        if failed := training.progress_of(wanted, runs)["failed"]:
            raise SystemExit(f"{failed} of {len(wanted)} runs did not complete: see `python -m engine runs`.")
        names = {cell.key: cell.method if cell.method == "vanilla" else f"{cell.method}, {site}" for cell in wanted}
        found += [(names[cell.key], cell.seed, runs[cell.key]) for cell in wanted]
    return found


def attacked(run: Run, limit: int, ratio: float) -> dict:
    """What PGD at both sites and the word attack leave of one run's model."""
    classifier = load_classifier(run=run.id)
    of = {"dataset": DATASET, "limit": limit}
    found = {"clean": run.metrics["accuracy"]}
    for site, scale in (("embeddings", 1.0), (SITE, ratio)):
        radii = [round(scale * at, 4) for at in EPSILONS]
        curve = analyse("robust accuracy", classifier, None, epsilons=radii, steps=5, restarts=1, site=site, **of).curve
        found[site] = {f"{at:g}": point.accuracy for at, point in zip(EPSILONS, curve, strict=True)}
    free = {"search": "greedy", "keep_meaning": False}  # Any similar word, opposites too.
    found["words"] = analyse("word attack", classifier, None, **free, **of).summary["after_attack"]
    return found


def main() -> None:
    """Train, attack, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=60, help="validation sentences that are attacked")
    options = parser.parse_args()
    ratio = round(lengths(), 2)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    found: dict[str, list[dict]] = {}
    for name, seed, run in trained(options.steps, options.seeds, ratio):
        key = f"{name}, seed {seed}, {options.steps} steps, {options.limit} sentences"
        print(key, file=sys.stderr, flush=True)
        if key not in kept:
            kept[key] = attacked(run, options.limit, ratio)
            KEPT.write_text(json.dumps(kept, indent=1) + "\n")
        found.setdefault(name, []).append(kept[key])
    columns = {
        "clean, all": lambda one: one["clean"],
        **{f"PGD at embeddings, ε = {at:g}": (lambda one, at=at: one["embeddings"][f"{at:g}"]) for at in EPSILONS[1:]},
        **{f"PGD at {SITE}, ε = {at:g} × {ratio:g}": (lambda one, at=at: one[SITE][f"{at:g}"]) for at in EPSILONS[1:]},
        "greedy words": lambda one: one["words"],
    }
    order = ["vanilla", *(name for name in found if name != "vanilla")]
    rows = [
        {
            "trained with": name,
            **{column: spread([value(one) for one in found[name]]) for column, value in columns.items()},
        }
        for name in order
    ]
    page = [
        "# Does δ at a layer protect as well as δ at the word embeddings?",
        "",
        f"Made by `python benchmarks/sites.py --steps {options.steps} --seeds {options.seeds} --limit {options.limit}`: the"
        f" built-in encoder, {options.steps} optimiser steps on `{DATASET}`, batch 16, PGD and FreeLB with their defaults at"
        f" `embeddings` and at `{SITE}`, seeds 0 to {options.seeds - 1}; attacked on {options.limit} validation sentences (the"
        " same for all; *clean* is the whole validation split)."
        f" The hidden states that go into block 3 are {ratio:g} times as long as the word embeddings (median over tokens), so"
        f" ε, α and ε₀ there are {ratio:g} times those of the embeddings, in training and in the attack. Accuracies: median"
        f" (lowest to highest) over the seeds; one sentence is {1 / options.limit:.3f}.",
        "",
        table(rows),
        "## What can be said",
        "",
        *(line for name, value in columns.items() for line in reading(found, name, value, order[1:])),
        "",
        f"With {options.seeds} seeds no test can reach p < 0.05 (an exact sign-flip test needs 6): observations, not claims."
        " Robust accuracy under PGD is an upper bound: another attack may find more.",
        "",
    ]  # fmt: skip
    print(written("sites", page))


if __name__ == "__main__":
    main()
