"""Sentences per second, end to end: as published scripts train (all padded to 128), and as this project does.

    python benchmarks/throughput.py [--steps 20] [--methods vanilla freelb]

All loops are `transformers.Trainer`'s on the same data, model and batch size; data loading, optimiser and logging are in.
`fixed`: padded to 128 tokens, batches by chance, Trainer's defaults; `dynamic`: padded to the longest of the batch, by
chance; `grouped`: the same, texts of like length together (what a run does here). Vanilla's first two rows are the plain
`Trainer`, not this project's. The loops take turns, round by round; ratios are medians over the rounds.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from engine.data.encoding import LENGTH, collator, encode
from engine.data.sources import load_dataset
from engine.methods import METHODS, get_method
from engine.models import best_device, load_model
from engine.trainer import AdversarialTrainer

WARM = 2
PADDINGS = ("fixed", "dynamic", "grouped")


class Clock(TrainerCallback):
    """Seconds per step, without the first ones."""

    def __init__(self) -> None:
        self.times = []

    def on_step_end(self, args, state, control, **_):
        """Note the time."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.times.append(time.perf_counter())

    @property
    def seconds_per_step(self) -> float:
        """The mean after the warm-up."""
        return (self.times[-1] - self.times[WARM - 1]) / (len(self.times) - WARM)


def speed(data, method: str, padding: str, batch: int, steps: int, seed: int) -> float:
    """Sentences per second of one loop."""
    loaded = load_model("minilm", data.task, 0)
    rows = encode(data.splits["train"], loaded.tokenizer, data.task, 128)
    collate = collator(loaded.tokenizer)
    if padding == "fixed":
        collate.padding, collate.max_length = "max_length", 128
    on_cpu = best_device().type == "cpu"
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=steps + WARM, per_device_train_batch_size=batch, save_strategy="no", seed=seed,
            report_to=[], disable_tqdm=True, use_cpu=on_cpu, dataloader_pin_memory=not on_cpu, length_column_name=LENGTH,
            train_sampling_strategy="group_by_length" if padding == "grouped" else "random",
        )  # fmt: skip
        options = {
            "args": arguments,
            "train_dataset": rows,
            "data_collator": collate,
            "processing_class": loaded.tokenizer,
        }
        if method == "vanilla" and padding != "grouped":
            trainer = Trainer(loaded.model, **options)
        else:
            trainer = AdversarialTrainer(loaded.model, method=get_method(method)(tokenizer=loaded.tokenizer), **options)
        clock = Clock()
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(clock)
        trainer.train()
    return (
        batch / trainer.method.replays / clock.seconds_per_step
        if method == "freeat"
        else batch / clock.seconds_per_step
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--dataset", default="movie-sentiment")
    parser.add_argument("--methods", nargs="+", default=["vanilla", "freelb"], choices=METHODS.names())
    options = parser.parse_args()
    data = load_dataset(options.dataset)
    found = {(method, padding): [] for method in options.methods for padding in PADDINGS}
    for turn in range(options.rounds):
        for method, padding in found:
            # Batches by length differ much in cost: more of them make the mean.
            steps = options.steps * (3 if padding == "grouped" else 1)
            found[method, padding].append(speed(data, method, padding, options.batch_size, steps, turn))
            print(f"  {method} {padding}: {found[method, padding][-1]:.1f} sentences/s", file=sys.stderr, flush=True)
    print(f"{options.dataset}, batch {options.batch_size}, {best_device()}, {torch.get_num_threads()} threads\n")
    print("| method | padding | sentences/s | / fixed | / dynamic |\n|---|---|---|---|---|")
    for (method, padding), own in found.items():
        ratios = [
            statistics.median(one / base for one, base in zip(own, found[method, other], strict=True))
            for other in ("fixed", "dynamic")
        ]
        print(f"| {method} | {padding} | {statistics.median(own):.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
