"""Makes docs/variants.md: where papers and their published codes differ, and what the difference does.

    python benchmarks/variants.py [--batches 8] [--batch-size 32]

One step of either variant from the same weights (the ready-made classifier, dropout on), batch by batch and with the same random
numbers: how long δ is, and how the gradient of the weights turns. Beside it, how far the paper's own gradient turns when only the
random numbers change.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.writing import table, written
from engine.methods import METHODS
from engine.methods.base import Method
from engine.subjects.classifier import Classifier, load_classifier
from engine.subjects.samples import batches, examples

DIFFERENCES = {
    "pgd": ("δ₀ = 0; a random start is inside the ball", "FreeLB's repository: a random start may lie outside the ball (the default has none)"),
    "freeat": ("δ is carried over from minibatch to minibatch", "FreeLB's repository: a new random start in every minibatch, which may lie outside the ball"),
    "freelb": ("one dropout mask in the K passes of a batch (section 3.3); the start is inside the ball", "new masks in every pass (the fairseq part); the start may lie outside the ball until the first step's projection"),
    "smart": ("Π_ε in an L∞ ball; the symmetric KL is climbed; both sides of the penalty carry gradients", "mt-dnn: every token's noise is divided by its largest entry (+ 1e-6), no ball; one-sided KL of the batch's mean is climbed; targets are held fixed. There the noise enters behind the embeddings' LayerNorm: `site=layer:0`"),
    "alum": ("as SMART's ball, one-sided KL, fixed targets", "mt-dnn: the noise of SMART's code"),
    "textat": ("η₀ = Z[w]; mean of the K losses; K ascents; Z[w] ← η_K; δ₀ + η₀ inside the ball", "η₀ = Z[w] / ‖Z of the batch's tokens‖; the K losses summed; K - 1 ascents; Z[w] += η; padding has an η; new dropout masks; no projection of the start"),
    "creat": ("the sentence's mean cosine; X + δ_K", "the cosines summed over the tokens; X + δ₀ + … + δ_K; the start may lie outside the ball"),
}  # fmt: skip


def gradient(
    method: Method[Any], model: torch.nn.Module, batch: dict[str, torch.Tensor], seed: int
) -> tuple[torch.Tensor, float]:
    """The gradient of all weights after one minibatch (FreeAT: its first replay), and the mean ‖δ‖_F of the last pass."""
    model.zero_grad()
    torch.manual_seed(seed)
    report = method.step(model, batch)
    found = torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])
    return found, float(report.scalars()["delta_norm"])


def compared(name: str, classifier: Classifier, parts: list[dict[str, torch.Tensor]]) -> dict[str, str]:
    """One row: both variants and the paper's with other random numbers, over all batches."""
    makers = {
        "paper": lambda: METHODS.get(name)(tokenizer=classifier.tokenizer),
        "code": lambda: METHODS.get(name)(tokenizer=classifier.tokenizer, variant="code"),
        "again": lambda: METHODS.get(name)(tokenizer=classifier.tokenizer, seed=1),
    }
    methods = {key: make() for key, make in makers.items()}
    turned, again, longer, lengths = [], [], [], {"paper": [], "code": []}
    for seed, batch in enumerate(parts):
        found = {
            key: gradient(each, classifier.model, batch, seed + 100 * (key == "again")) for key, each in methods.items()
        }
        base = found["paper"][0]
        turned.append(float(torch.cosine_similarity(base, found["code"][0], dim=0)))
        again.append(float(torch.cosine_similarity(base, found["again"][0], dim=0)))
        longer.append(float(found["code"][0].norm() / base.norm()))
        for key, norms in lengths.items():
            norms.append(found[key][1])
    return {
        "method": METHODS.get(name).title,
        "‖δ‖, paper": f"{fmean(lengths['paper']):.3g}",
        "‖δ‖, code": f"{fmean(lengths['code']):.3g}",
        "cosine of the gradients": f"{fmean(turned):.2f}",
        "of the paper's own, other random numbers": f"{fmean(again):.2f}",
        "length of the gradient, code / paper": f"{fmean(longer):.2f}",
    }


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    classifier = load_classifier()
    sample = examples(classifier, "movie-sentiment", "train", options.batches * options.batch_size)
    parts = [batch for _, batch in batches(classifier, sample, size=options.batch_size)]
    classifier.model.train().requires_grad_(True)
    differ = [each.name for each in METHODS.all() if "variant" in each.Settings.names()]
    rows = [compared(name, classifier, parts) for name in differ]
    page = [
        "# Paper or code",
        "",
        "Where a paper and its published code differ, the methods follow the paper; `variant=code` (`--set variant=code`, the field of"
        " that name on the pages, `variant=\"code\"` in Python) follows the code. Each is tested against a loop of its own, in float64,"
        " to 1e-10 (`tests/engine/methods/test_variants.py`, `test_creat.py`).",
        "",
        table([{"method": METHODS.get(name).title, "paper (default)": DIFFERENCES[name][0], "code": DIFFERENCES[name][1]} for name in differ]),
        "What is left out of the codes: SMART's KL in the ascent is smoothed by 1e-6 there; ours is exact.",
        "",
        "## What the difference does",
        "",
        f"Made by `python benchmarks/variants.py --batches {options.batches} --batch-size {options.batch_size}`: one step of either from"
        " the same weights (the ready-made classifier of `movie-sentiment`, dropout on, default settings), means over"
        f" {len(parts)} batches. ‖δ‖: Frobenius norm per sentence at the last pass, embedding units. The cosine of the two gradients of"
        " all weights is to be read beside that of the paper's own form with other random numbers (start, dropout masks): what lies no"
        " lower is no difference. FreeAT: the first replay of each minibatch.",
        "",
        table(rows),
    ]  # fmt: skip
    print(written("variants", page))


if __name__ == "__main__":
    main()
