"""Time to the first optimiser step, and memory, against the number of rows (pairs as long as MNLI's, generated).

    python benchmarks/large.py [--rows 10000 400000 40000000]

Every size runs in a process of its own, from reading the file on; the encoder is the built-in one, batch 32. `going on`: the time until
the first batch after three quarters of an epoch, as when a run is resumed there.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.writing import table

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
WHOLE = 1_000_000  # Rows from which on a file is Parquet, and streamed.
GROUP = 100_000  # Rows of its row groups; a group's texts are those of the first with its number at their ends.


def pairs(rows: int) -> Iterator[tuple[str, str, int]]:
    """Sentence pairs with three classes."""
    chance = random.Random(0)
    for place in range(rows):
        first, second = (" ".join(chance.choices(WORDS, k=chance.randint(4, most))) for most in (30, 14))
        yield f"{first} {place}", second, place % 3


def generate(folder: Path, rows: int) -> Path:
    """A file of sentence pairs: TSV, or Parquet from `WHOLE` rows on."""
    if rows < WHOLE:
        path = folder / "pairs.tsv"
        with path.open("w") as file:
            file.write("premise\thypothesis\tlabel\n")
            file.writelines(f"{first}\t{second}\t{label}\n" for first, second, label in pairs(rows))
        return path
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow.parquet import ParquetWriter

    path = folder / "pairs.parquet"
    first, second, label = (pa.array(each) for each in zip(*pairs(GROUP), strict=True))
    with ParquetWriter(
        path, pa.schema([("premise", pa.string()), ("hypothesis", pa.string()), ("label", pa.int64())])
    ) as file:
        for group in range(rows // GROUP):
            named = pc.binary_join_element_wise(first, pa.array([str(group)] * GROUP), " ")
            file.write_table(pa.table({"premise": named, "hypothesis": second, "label": label}))
    return path


def measure(path: str) -> dict[str, float]:
    """Seconds to the first step, and MB of memory: after reading, and at the step."""
    import psutil
    import torch
    from accelerate import skip_first_batches
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
    load_dataset(path)
    read = time.perf_counter() - began
    memory = psutil.Process().memory_info().rss / 2**20
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig.build({"method": "freelb", "dataset": path, "max_steps": 1000})
        job = build(config, Path(folder))
        job.trainer.add_callback(First())
        ready = time.perf_counter() - began
        job.trainer.evaluate = lambda *_, **__: {}
        job.trainer.train()
        first = time.perf_counter() - began
        loader = job.trainer.get_train_dataloader()
        began = time.perf_counter()
        next(iter(skip_first_batches(loader, 3 * len(loader) // 4)))
    return {
        "read": read, "prepare": ready - read, "first step": first, "going on": time.perf_counter() - began, "memory read": memory,
        "memory peak": peak_memory(),
    }  # fmt: skip


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 400_000, 40_000_000])
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    rows = []
    for count in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            path = generate(Path(folder), count)
            done = subprocess.run(
                [sys.executable, __file__, "--measure", str(path)], capture_output=True, text=True, check=True, cwd=ROOT
            )
            found = json.loads(done.stdout.strip().splitlines()[-1])
            rows.append(
                {
                    "rows": f"{count:,}",
                    "file (MB)": f"{path.stat().st_size / 2**20:,.0f}",
                    **{f"{name} (s)": f"{found[name]:.1f}" for name in ("read", "prepare", "first step", "going on")},
                    "memory after reading, at most (MB)": f"{found['memory read']:,.0f}, {found['memory peak']:,.0f}",
                }
            )
    print(table(rows))


if __name__ == "__main__":
    main()
