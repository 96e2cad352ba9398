"""How near a step comes to what the machine's matrix products can do.

    python benchmarks/peak.py [--size minilm bert-base] [--rounds 8] [--methods vanilla freelb pgd]

Work is counted by torch's FlopCounterMode (matrix products and attention; a multiplication and an addition count two). The peak is measured
in the same rounds, at the model's own shapes: for every distinct linear layer the products of its forward pass and of both its backward passes.
`best` is the fastest of them, `mix` what a step would reach whose products all ran as fast as they do alone. Random weights and tokens, all
sentences at full length; float32; memory that steps free is kept, as in a run.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.process import wait_politely

wait_politely()

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForSequenceClassification

from engine.methods import get_method
from engine.process import keep_freed_memory, multiply_fast

SIZES = {  # Hidden width, layers, heads; sentences, tokens.
    "minilm": ((384, 6, 12), (32, 27)),
    "bert-base": ((768, 12, 12), (8, 64)),
}


def products(model: torch.nn.Module, tokens: int) -> dict[tuple[int, int, int], int]:
    """The matrix products (m, k, n) of a step's linear layers over all tokens, and how often each occurs."""
    found: dict[tuple[int, int, int], int] = {}
    for each in model.modules():
        if isinstance(each, torch.nn.Linear) and each.in_features > 2 and each.out_features > 2:
            wide, narrow = each.out_features, each.in_features
            for shape in ((tokens, narrow, wide), (tokens, wide, narrow), (wide, tokens, narrow)):
                found[shape] = found.get(shape, 0) + 1
    return found


def timed(do, repeats: int = 1) -> float:
    """Seconds of one call, mean over `repeats`."""
    began = time.perf_counter()
    for _ in range(repeats):
        do()
    return (time.perf_counter() - began) / repeats


def made(size: str) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """A model of a size with random weights, in training, and a batch of random tokens."""
    (hidden, layers, heads), (sentences, tokens) = SIZES[size]
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * hidden
    )
    batch = {
        "input_ids": torch.randint(1000, 30_000, (sentences, tokens)),
        "attention_mask": torch.ones((sentences, tokens), dtype=torch.long),
        "labels": torch.randint(0, 2, (sentences,)),
    }
    return BertForSequenceClassification(config).train(), batch


def measure(size: str, names: list[str], rounds: int) -> None:
    """Print the table of one size."""
    model, batch = made(size)
    sentences, tokens = SIZES[size][1]
    methods = [get_method(name)() for name in names]
    work = {}
    for each in methods:
        with FlopCounterMode(display=False) as counter:
            for _ in range(each.replays):
                each.step(model, batch)
        work[each.name] = counter.get_total_flops()
    counts = products(model, sentences * tokens)
    pairs = {shape: (torch.randn(shape[0], shape[1]), torch.randn(shape[1], shape[2])) for shape in counts}
    steps: dict[str, list[float]] = {each.name: [] for each in methods}
    alone: dict[tuple[int, int, int], list[float]] = {shape: [] for shape in pairs}
    for turn in range(rounds + 2):
        for shape, (left, right) in pairs.items():
            seconds = timed(lambda left=left, right=right: left @ right, 5)
            if turn >= 2:
                alone[shape].append(seconds)
        for each in methods:
            model.zero_grad()
            seconds = timed(lambda each=each: [each.step(model, batch) for _ in range(each.replays)])
            if turn >= 2:  # The first ones warm up.
                steps[each.name].append(seconds)
    flops = {shape: 2.0 * shape[0] * shape[1] * shape[2] for shape in pairs}
    best = max(flops[shape] / statistics.median(times) for shape, times in alone.items())
    mix = sum(flops[shape] * counts[shape] for shape in pairs) / sum(
        statistics.median(times) * counts[shape] for shape, times in alone.items()
    )
    print(f"\n{size}, batch {(sentences, tokens)}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"matrix products alone: best {best / 1e9:.0f} GFLOP/s, mix {mix / 1e9:.0f} GFLOP/s\n")
    print("| method | GFLOP | s | GFLOP/s | of best | of mix | sentences/s |\n|---|---|---|---|---|---|---|")
    for each in methods:
        seconds = statistics.median(steps[each.name])
        speed = work[each.name] / seconds
        print(
            f"| {each.title} | {work[each.name] / 1e9:.0f} | {seconds:.3f} | {speed / 1e9:.0f} | {speed / best:.2f} | {speed / mix:.2f} |"
            f" {sentences / seconds:.0f} |",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--methods", nargs="+", default=["vanilla", "pgd", "freeat", "freelb", "smart", "textat"])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--mkl", action="store_true", help="MKL's products, not those of a run (see engine/process.py)")
    options = parser.parse_args()
    keep_freed_memory()
    if not options.mkl:
        multiply_fast()
    for size in options.size:
        measure(size, options.methods, options.rounds)


if __name__ == "__main__":
    main()
