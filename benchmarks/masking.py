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
    report(options, scores, corrected)


def report(options: argparse.Namespace, scores: dict[str, list[float]], corrected: dict[str, list[float]]) -> None:
    """Write the table, and what it says."""
    rows = ["| masking | accuracy, median | lowest | highest | words put right, median |", "|---|---|---|---|---|"]
    for strategy, values in scores.items():
        right = f"{statistics.median(corrected[strategy]):.3f}" if strategy in corrected else ""
        rows.append(
            f"| {strategy} | {statistics.median(values):.3f} | {min(values):.3f} | {max(values):.3f} | {right} |"
        )
    none, strategies = scores["none"], [s for s in scores if s != "none"]
    said = {
        "above it in every seed": [s for s in strategies if min(scores[s]) > max(none)],
        "below it in every seed": [s for s in strategies if max(scores[s]) < min(none)],
    }
    said["overlap with it"] = [s for s in strategies if not any(s in names for names in said.values())]
    best = max((s for s in scores if s != "none"), key=lambda s: statistics.median(scores[s]))
    apart = [s for s in scores if s not in ("none", best) and max(scores[s]) < min(scores[best])]
    reading = [
        f"Against fine-tuning from random weights ({min(none):.3f} to {max(none):.3f}): "
        + "; ".join(f"{words}: {', '.join(names)}" for words, names in said.items() if names)
        + ".",
        "",
        f"Among the strategies {best} has the highest median; "
        + (
            f"it lies above every run of {', '.join(apart)}."
            if apart
            else "the ranges of all strategies overlap with its own."
        )
        + f" {options.seeds} seeds of one small encoder under one short budget: an observation of this setting, not a ranking of"
        " the strategies. Where few words are put right, the language model has hardly begun to learn, and what it has learned so"
        " far can be a worse start than none.",
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
