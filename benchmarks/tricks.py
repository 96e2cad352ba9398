"""What each way to make a training step cheaper is worth on this machine, kept or thrown away.

    python benchmarks/tricks.py [--size minilm bert-base] [--methods vanilla freelb] [--rounds 9] [--only NAME …]

A step is a method's passes, clipping and AdamW, of random weights and tokens, as `benchmarks/peak.py` makes them. In every round a
run's own step and the step with one thing changed take turns; the ratio is of their times in the same round, so that what slows the machine
for a while slows both. Above 1: a run's own way is faster by so much.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.process import wait_politely

wait_politely()

import torch
from torch import nn

from benchmarks.peak import SIZES, made, timed
from engine.methods import get_method
from engine.process import keep_freed_memory, multiply_fast

# What is changed, in words; whether a run does it this way.
TRICKS = {
    "products by MKL": "before",
    "AdamW, a loop over tensors": "before",
    "AdamW, foreach": "thrown away",
    "attention without SDPA": "thrown away",
    "torch.compile": "an option",
    "bfloat16 autocast": "an option",
    "dropout masks by SFC64": "thrown away",
}


@contextmanager
def _products_by_mkl() -> Iterator[None]:
    setting = torch.backends.mkldnn.matmul
    before = setting.fp32_precision
    setting.fp32_precision = "none"
    try:
        yield
    finally:
        setting.fp32_precision = before


class _Masks(nn.Module):
    """Dropout whose masks come from numpy's SFC64, 16 bits per number, in the place of torch's serial Mersenne Twister."""

    def __init__(self, share: float) -> None:
        import numpy as np

        super().__init__()
        self.bits, self.p = np.random.Generator(np.random.SFC64(0)), share

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """A share of zeros, the rest scaled."""
        if not self.training or not self.p:
            return hidden
        drawn = torch.frombuffer(bytearray(self.bits.bytes(2 * hidden.numel())), dtype=torch.uint16).view(hidden.shape)
        kept = drawn.to(torch.int32) >= round(self.p * 2**16)
        return hidden * kept.to(hidden.dtype).div_(1 - self.p)


@contextmanager
def _other_dropout(model: Any) -> Iterator[None]:
    own = {name: each for name, each in model.named_modules() if isinstance(each, nn.Dropout)}
    for name, each in own.items():
        model.set_submodule(name, _Masks(each.p))
    try:
        yield
    finally:
        for name, each in own.items():
            model.set_submodule(name, each)


@contextmanager
def _attention(model: Any, kind: str) -> Iterator[None]:
    before = model.config._attn_implementation
    model.set_attn_implementation(kind)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def measure(size: str, methods: list[str], rounds: int, names: list[str]) -> None:
    """Print the table of one size."""
    model, batch = made(size)
    optimizers = {
        kind: torch.optim.AdamW(model.parameters(), lr=1e-5, fused=kind == "fused", foreach=kind == "foreach")
        for kind in ("fused", "foreach", "loop")
    }
    changed: dict[str, tuple[Callable[[], AbstractContextManager[Any]], Any, str]] = {
        "a run's own": (nullcontext, model, "fused"),
        "products by MKL": (_products_by_mkl, model, "fused"),
        "AdamW, a loop over tensors": (nullcontext, model, "loop"),
        "AdamW, foreach": (nullcontext, model, "foreach"),
        "attention without SDPA": (lambda: _attention(model, "eager"), model, "fused"),
        "torch.compile": (nullcontext, torch.compile(model), "fused"),
        "bfloat16 autocast": (lambda: torch.autocast("cpu", torch.bfloat16), model, "fused"),
        "dropout masks by SFC64": (lambda: _other_dropout(model), model, "fused"),
    }

    def step(method: Any, way: str) -> None:
        around, called, optimizer = changed[way]
        with around():
            method.step(called, batch)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers[optimizer].step()
        model.zero_grad()

    print(f"\n{size}, batch {SIZES[size][1]}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print("| changed | in a run | " + " | ".join(f"{name} | lowest to highest" for name in methods) + " |")
    print("|---|---|" + "---|---|" * len(methods))
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for each in methods:
        method = get_method(each)()
        ways = ["a run's own", *names]
        for way in ways:  # Warms up, compiles.
            step(method, way)
            step(method, way)
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                times[way].append(timed(lambda way=way, method=method: step(method, way)))
        for name in names:
            found[name].append([other / own for other, own in zip(times[name], times["a run's own"], strict=True)])
    for name, ratios in found.items():
        cells = [f"{statistics.median(each):.2f} | {min(each):.2f} to {max(each):.2f}" for each in ratios]
        print(f"| {name} | {TRICKS[name]} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--methods", nargs="+", default=["vanilla", "freelb"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="+", default=list(TRICKS), choices=list(TRICKS))
    options = parser.parse_args()
    keep_freed_memory()
    multiply_fast()
    for size in options.size:
        measure(size, options.methods, options.rounds, options.only)


if __name__ == "__main__":
    main()
