"""Does the masking strategy help? Makes docs/masking.md.

    python benchmarks/masking.py [--pretrain 300] [--finetune 200] [--seeds 3]

The small Chinese encoder is pre-trained from scratch on the built-in reviews with each strategy for the same number of
steps, and fine-tuned (vanilla) on reviews-zh; the row "none" is fine-tuned from random weights.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.writing import written


def engine(*arguments: object) -> dict:
    """Call the command line; returns its JSON."""
    command = [sys.executable, "-m", "engine", *map(str, arguments), "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Train all, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pretrain", type=int, default=300)
    parser.add_argument("--finetune", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate of both")
    options = parser.parse_args()
    common = ["--dataset", "reviews-zh", "--set", "max_length=64", "--set", "evaluations=1", "--set", "checkpoints=1"]
    scores: dict[str, list[float]] = {}
    corrected: dict[str, list[float]] = {}
    for strategy in ("none", "original", "wwm", "ngram", "mac"):
        for seed in range(options.seeds):
            model = "zh-small"
            if strategy != "none":
                found = engine(
                    "train", "--method", "macbert", *common, "--model", model, "--max-steps", options.pretrain, "--seed", seed,
                    "--set", f"strategy={strategy}", "--set", "warmup_share=0.2", "--set", f"learning_rate={options.rate}", "--name", f"masking-{strategy}-{seed}",
                )  # fmt: skip
                model = f"{found['dir']}/model"
                corrected.setdefault(strategy, []).append(found["metrics"]["correction_accuracy"])
            found = engine(
                "train", "--method", "vanilla", *common, "--model", model, "--max-steps", options.finetune, "--seed", seed,
                "--set", f"learning_rate={options.rate}", "--name", f"masking-{strategy}-{seed}-tuned",
            )  # fmt: skip
            scores.setdefault(strategy, []).append(found["metrics"]["accuracy"])
            print(strategy, seed, found["metrics"]["accuracy"], file=sys.stderr)
    rows = ["| masking | accuracy, median | lowest | highest | words put right, median |", "|---|---|---|---|---|"]
    for strategy, values in scores.items():
        right = f"{statistics.median(corrected[strategy]):.3f}" if strategy in corrected else ""
        rows.append(
            f"| {strategy} | {statistics.median(values):.3f} | {min(values):.3f} | {max(values):.3f} | {right} |"
        )
    pretrained = [value for strategy, values in scores.items() if strategy != "none" for value in values]
    best = max((s for s in scores if s != "none"), key=lambda s: statistics.median(scores[s]))
    apart = [s for s in scores if s not in ("none", best) and max(scores[s]) < min(scores[best])]
    reading = [
        f"Pre-training against none: the pre-trained runs reach {min(pretrained):.3f} to {max(pretrained):.3f}, those from"
        f" random weights {min(scores['none']):.3f} to {max(scores['none']):.3f}.",
        f"Among the strategies {best} has the highest median; "
        + (
            f"it lies above every run of {', '.join(apart)}."
            if apart
            else "the ranges of all strategies overlap with its own."
        )
        + f" With {options.seeds} seeds and so short a budget this ranks nothing: it shows how such a comparison is made.",
    ]
    page = [
        "# Does the masking strategy help?", "",
        f"Made by `python benchmarks/masking.py --pretrain {options.pretrain} --finetune {options.finetune} --seeds"
        f" {options.seeds}`. `zh-small` (4 layers, width 256) pre-trained from scratch on the built-in Chinese reviews for"
        f" {options.pretrain} steps of 32 texts, then fine-tuned (vanilla) on `reviews-zh` for {options.finetune} steps;"
        f" learning rate {options.rate:g}, 64 tokens a text. “Words put right” is measured under each strategy's own masks and cannot be compared"
        " between strategies.", "",
        *rows, "", *reading, "",
    ]  # fmt: skip
    written("masking", page)
    print("\n".join(rows))


if __name__ == "__main__":
    main()
