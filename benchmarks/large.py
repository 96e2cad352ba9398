"""Time to the first optimiser step, and memory, against the number of rows (pairs as long as MNLI's, generated).

    python benchmarks/large.py [--rows 10000 400000]

Every size runs in a process of its own, from reading the file on; the encoder is the built-in one, batch 32.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

WORDS = [
    "the",
    "a",
    "film",
    "story",
    "was",
    "is",
    "good",
    "bad",
    "dull",
    "lovely",
    "people",
    "music",
    "town",
    "on",
    "in",
    "of",
    "and",
    "with",
    "very",
    "quite",
    "never",
    "always",
]


def generate(path: Path, rows: int) -> None:
    """A TSV file of sentence pairs with three classes."""
    chance = random.Random(0)
    with path.open("w") as file:
        file.write("premise\thypothesis\tlabel\n")
        for place in range(rows):
            first, second = (" ".join(chance.choices(WORDS, k=chance.randint(4, most))) for most in (30, 14))
            file.write(f"{first} {place}\t{second}\t{place % 3}\n")


def measure(path: str) -> dict[str, float]:
    """Seconds to the first step, and MB of memory: after reading, and at the step."""
    import psutil
    import torch
    from transformers import TrainerCallback

    from engine.data.sources import load_dataset
    from engine.runs.build import build
    from engine.runs.config import TrainConfig
    from engine.runs.recorder import peak_memory

    class First(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            control.should_training_stop = True

    torch.manual_seed(0)
    began = time.perf_counter()
    data = load_dataset(path)
    read = time.perf_counter() - began
    memory = psutil.Process().memory_info().rss / 2**20
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig.build({"method": "freelb", "dataset": path, "max_steps": 1000})
        job = build(config, Path(folder))
        job.trainer.add_callback(First())
        ready = time.perf_counter() - began
        job.trainer.evaluate = lambda *_, **__: {}
        job.trainer.train()
    return {
        "rows": sum(map(len, data.splits.values())), "read": read, "prepare": ready - read,
        "first step": time.perf_counter() - began, "memory read": memory, "memory peak": peak_memory(),
    }  # fmt: skip


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 400_000])
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    print(
        f"{'rows':>8}{'read (s)':>10}{'prepare (s)':>13}{'to first step (s)':>19}{'memory read, peak (MB)':>25}{'MB of file':>12}"
    )
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pairs.tsv"
            generate(path, rows)
            done = subprocess.run(
                [sys.executable, __file__, "--measure", str(path)], capture_output=True, text=True, check=True, cwd=ROOT
            )
            found = json.loads(done.stdout.strip().splitlines()[-1])
            memory = f"{found['memory read']:.0f}, {found['memory peak']:.0f}"
            print(
                f"{rows:>8}{found['read']:>10.1f}{found['prepare']:>13.1f}{found['first step']:>19.1f}{memory:>25}"
                f"{path.stat().st_size / 2**20:>12.0f}"
            )


if __name__ == "__main__":
    main()
