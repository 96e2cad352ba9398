"""What one minibatch costs under every method, in units of vanilla's, beside its floor.

    python benchmarks/step_cost.py [--rounds 12] [--ascent-steps 3] [--batch-size 32] [--model minilm]

The floor counts forward = 1, backward to the inputs = 1, backward to the weights = 1 (vanilla: 3). Methods take turns,
so that a machine whose speed drifts treats them alike; the ratio of each round is taken against vanilla in that round.
Where others use the machine too, the last column says more: the fastest step of a method over the fastest of vanilla.
Optimiser steps are left out: they cost the same whatever the method.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.process import wait_politely

wait_politely()

import torch

from engine.data.encoding import LENGTH, by_length, collator, encode
from engine.data.sources import load_dataset
from engine.methods import METHODS, get_method
from engine.methods.base import Method
from engine.models import best_device, load_model
from engine.process import keep_freed_memory, multiply_fast


def candidates(ascent_steps: int, tokenizer: Any) -> list[Method]:
    """Every method with that many ascent steps (SMART's T stays 1)."""
    found = []
    for method in METHODS.all():
        settings = {"ascent_steps": ascent_steps} if "ascent_steps" in method.Settings.names() else {}
        settings = {"ascent_steps": 1} if method.name == "smart" else settings
        found.append(method(tokenizer=tokenizer, **settings))
    return found


def compare(
    model: torch.nn.Module, batch: dict[str, torch.Tensor], tried: list[Method], rounds: int
) -> list[dict[str, Any]]:
    """One row per method: median seconds, ratio to vanilla, floor, overhead and its range over the rounds."""
    times: dict[str, list[float]] = {each.name: [] for each in tried}
    for turn in range(rounds + 2):
        for each in tried:
            model.zero_grad()
            began = time.perf_counter()
            for _ in range(each.replays):
                each.step(model, batch)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn >= 2:  # The first ones warm up.
                times[each.name].append(time.perf_counter() - began)
    found = []
    for each in tried:
        ratios = [own / base for own, base in zip(times[each.name], times["vanilla"], strict=True)]
        floor = each.floor / 3
        found.append(
            {"method": each.name, "seconds": statistics.median(times[each.name]), "ratio": statistics.median(ratios),
             "floor": floor, "overhead": statistics.median(ratios) / floor, "lowest": min(ratios) / floor,
             "highest": max(ratios) / floor,
             "fastest": min(times[each.name]) / min(times["vanilla"]) / floor}
        )  # fmt: skip
    return found


def passes(model: torch.nn.Module, batch: dict[str, torch.Tensor], rounds: int) -> dict[str, float]:
    """What the three kinds of passes cost, in thirds of a vanilla step, of which the floor takes each for one."""
    times: dict[str, list[float]] = {name: [] for name in ("forward", "backward to the inputs", "backward to both")}
    for turn in range(rounds + 2):
        model.zero_grad()
        embedded = get_method("pgd")().embed(model, batch)
        found = []
        for last in (False, True):
            began = time.perf_counter()
            at = embedded.forward(torch.zeros_like(embedded.like), ascent=not last)
            middle = time.perf_counter()
            if last:
                embedded.backward(embedded.loss(at.logits), at)
            else:
                embedded.input_gradient(embedded.losses(at.logits).sum(), at)
            found.append((middle - began, time.perf_counter() - middle))
        if turn >= 2:
            third = sum(found[1]) / 3  # Of vanilla's step: the second of the two.
            both = {"forward": found[1][0], "backward to the inputs": found[0][1], "backward to both": found[1][1]}
            for name, seconds in both.items():
                times[name].append(seconds / third)
    return {name: statistics.median(each) for name, each in times.items()}


def measure(
    model_name: str, dataset: str, batch_size: int, ascent_steps: int, rounds: int
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The rows of `compare` for a real batch of about the middle length, and what its `passes` cost."""
    data = load_dataset(dataset)
    loaded = load_model(model_name, data.task)
    device = best_device()
    model = loaded.model.to(device).train()
    rows = encode(data.splits["train"].head(40 * batch_size), loaded.tokenizer, data.task, 128)
    rows, middle = by_length(rows), len(rows) // 2
    chosen = rows.select(range(middle, middle + batch_size)).remove_columns(LENGTH)
    batch = {name: tensor.to(device) for name, tensor in collator(loaded.tokenizer)(list(chosen)).items()}
    shape = tuple(batch["input_ids"].shape)
    print(f"{model_name}, {dataset}, batch {shape}, {device}, {torch.get_num_threads()} threads\n")
    return compare(model, batch, candidates(ascent_steps, loaded.tokenizer), rounds), passes(model, batch, rounds)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--ascent-steps", type=int, default=3, help="K (and FreeAT's m); SMART's T is 1")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--dataset", default="movie-sentiment")
    parser.add_argument("--give-back", action="store_true", help="give freed memory back, as a process does by itself")
    options = parser.parse_args()
    if not options.give_back:
        keep_freed_memory()  # As a run does.
    multiply_fast()
    rows, kinds = measure(options.model, options.dataset, options.batch_size, options.ascent_steps, options.rounds)
    print("| method | cost / vanilla | floor | cost / floor | lowest to highest | of the fastest rounds |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        spread = f"{row['lowest']:.2f} to {row['highest']:.2f}"
        print(
            f"| {row['method']} | {row['ratio']:.2f} | {row['floor']:.2f} | {row['overhead']:.3f} | {spread} | {row['fastest']:.3f} |"
        )
    print("\nIn thirds of a vanilla step: " + ", ".join(f"{name} {cost:.2f}" for name, cost in kinds.items()) + ".")
    whole = options.ascent_steps * (kinds["forward"] + kinds["backward to the inputs"]) + 3
    print(f"PGD by these: {whole / 3:.2f} times vanilla, {whole / (2 * options.ascent_steps + 3):.3f} of its floor.")


if __name__ == "__main__":
    main()
