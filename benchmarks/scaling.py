"""Makes docs/scaling.md: what several processes exchange, checked on gloo, and what 8 and 64 GPUs would give by the same model.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py [--rounds 12] [--processes 2 4]

Each process has a minibatch of its own (16 sentences of 27 tokens, built-in encoder). A step is measured twice in turn, without any
exchange while the others do the same, and as it is. What the exchange should add is computed from one exchange of few and one of many
bytes by the same processes; measured and computed stand side by side. GPUs are computed only: nobody has seen them here.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.process import keep_freed_memory, wait_politely

wait_politely()

import torch
import torch.distributed as dist

from benchmarks.writing import table, written
from engine import distributed
from engine.methods import get_method
from engine.methods.base import Method

METHODS = ("vanilla", "pgd", "freelb", "textat")
SENTENCES, TOKENS = 16, 27
SMALL, LARGE = 1_000, 8_000_000  # Numbers in the two exchanges that the model is set by.
ROW = 16  # Bytes beside a row of TextAT's table: its token and its count.

# What is taken for granted of the machines that are computed.
GPU = {"peak": 989e12, "share": 0.4, "inside": 350e9, "between": 45e9, "latency": 30e-6, "node": 8}
SIZES = {"BERT-base": (110e6, 768), "RoBERTa-large": (355e6, 1024)}  # Parameters, D.
GPU_BATCH, GPU_TOKENS, VOCABULARY = 64, 128, 30_522  # Per GPU; tokens are taken to be as often as Zipf's law says.


def batch_of(rank: int, vocabulary: int) -> dict[str, torch.Tensor]:
    """Tokens as often as in text (Zipf), others for every process."""
    draw = torch.Generator().manual_seed(rank)
    chances = 1.0 / torch.arange(1, vocabulary - 999).double()
    ids = 1000 + torch.multinomial(chances, SENTENCES * TOKENS, replacement=True, generator=draw).view(
        SENTENCES, TOKENS
    )
    labels = torch.randint(0, 2, (SENTENCES,), generator=draw)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


@contextmanager
def alone() -> Iterator[None]:
    """As if there were no other process."""
    plain, distributed.processes = distributed.processes, lambda: 1
    try:
        yield
    finally:
        distributed.processes = plain


@contextmanager
def counted(found: dict[str, float]) -> Iterator[None]:
    """Adds up the bytes that a process puts into its exchanges."""
    plain = dist.all_reduce, dist.all_gather

    def reduce(tensor: torch.Tensor, *more: Any, **options: Any) -> Any:
        found["reduced"] += tensor.nbytes
        return plain[0](tensor, *more, **options)

    def gather(parts: list[torch.Tensor], tensor: torch.Tensor, *more: Any, **options: Any) -> Any:
        found["gathered"] += tensor.nbytes
        return plain[1](parts, tensor, *more, **options)

    dist.all_reduce, dist.all_gather = reduce, gather
    try:
        yield
    finally:
        dist.all_reduce, dist.all_gather = plain


def timed(do: Callable[[], object], around: AbstractContextManager[object] | None = None) -> float:
    """Seconds until the last process is done."""
    dist.barrier()
    began = time.perf_counter()
    with around or nullcontext():
        do()
    took = torch.tensor([time.perf_counter() - began])
    dist.all_reduce(took, op=dist.ReduceOp.MAX)
    return float(took)


def step(method: Method[Any], model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> None:
    """As `AdversarialTrainer` does it."""
    model.zero_grad()
    method.step(model, batch)
    distributed.average([each.grad for each in model.parameters() if each.grad is not None])


def gather(numbers: int) -> None:
    """One exchange of TextAT's kind."""
    own = torch.zeros(numbers)
    dist.all_gather([torch.empty_like(own) for _ in range(distributed.processes())], own)


def work(rounds: int) -> dict[str, Any]:
    """One process's part: what an exchange takes, then every method with and without."""
    from engine.data.sources import load_dataset
    from engine.models import load_model

    dist.init_process_group("gloo")
    keep_freed_memory()
    loaded = load_model("minilm", load_dataset("movie-sentiment").task, 0)
    batch = batch_of(dist.get_rank(), len(loaded.tokenizer))
    kinds: dict[str, Callable[[int], object]] = {
        "reduce": lambda n: distributed.average([torch.zeros(n)]),
        "gather": gather,
    }
    found: dict[str, Any] = {"parameters": sum(each.numel() for each in loaded.model.parameters())}
    for name, exchange in kinds.items():
        times = {n: statistics.median(timed(partial(exchange, n)) for _ in range(rounds)) for n in (SMALL, LARGE)}
        found[name] = [times[SMALL], max(0.0, times[LARGE] - times[SMALL]) / (4 * (LARGE - SMALL))]
    for name in METHODS:
        method = get_method(name)(tokenizer=loaded.tokenizer)
        bytes_: dict[str, float] = {"reduced": 0.0, "gathered": 0.0}
        times_: dict[str, list[float]] = {"alone": [], "together": []}
        with counted(bytes_):
            step(method, loaded.model, batch)
        for turn in range(rounds + 1):
            for kind in times_:
                took = timed(
                    lambda method=method: step(method, loaded.model, batch), alone() if kind == "alone" else None
                )
                if turn:  # The first one warms up.
                    times_[kind].append(took)
        found[name] = bytes_ | {kind: statistics.median(each) for kind, each in times_.items()}
    found["first"] = distributed.is_first()
    distributed.leave()
    return found


def launched(processes: int, rounds: int) -> dict[str, Any]:
    """What so many processes found."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        subprocess.run(
            [sys.executable, *start, __file__, "--rounds", str(rounds), "--told", str(told)], check=True, cwd=ROOT
        )
        found: dict[str, Any] = json.loads(told.read_text())
    return found


def exchanges(found: dict[str, Any], method: str) -> tuple[float, float]:
    """Seconds that the gradients' exchange and the table's should take: a delay per exchange, and the bytes at their speed."""
    own, times = found[method], []
    for name, bytes_, count in (
        ("reduce", own["reduced"], -(-own["reduced"] // (4 * distributed.BUCKET))),
        ("gather", own["gathered"], 4 if own["gathered"] else 0),
    ):
        delay, per_byte = found[name]
        times.append(count * delay + bytes_ * per_byte)
    return times[0], times[1]


def checked(found: dict[str, Any], processes: int) -> list[dict[str, str]]:
    """A row per method: measured beside computed."""
    rows = []
    for method in METHODS:
        own, (reduce, gathered) = found[method], exchanges(found, method)
        expected = own["alone"] + reduce + gathered
        rows.append(
            {
                "processes": str(processes), "method": method,
                "gradients, table (MB per process)": f"{own['reduced'] / 1e6:.1f}, {own['gathered'] / 1e6:.2f}",
                "without exchange (ms)": f"{1e3 * own['alone']:.0f}", "exchange computed (ms)": f"{1e3 * (reduce + gathered):.0f}",
                "step computed (ms)": f"{1e3 * expected:.0f}", "step measured (ms)": f"{1e3 * own['together']:.0f}",
                "measured / computed": f"{own['together'] / expected:.2f}",
            }
        )  # fmt: skip
    return rows


def ring(bytes_: float, processes: int, per_second: float) -> float:
    """Seconds of an all-reduce in a ring: every byte is sent 2 (P - 1) / P times."""
    return 2 * (processes - 1) / processes * bytes_ / per_second


def different(count: int) -> float:
    """Different tokens that the batches of so many GPUs have together."""
    chances = 1.0 / torch.arange(1, VOCABULARY + 1).double()
    return float((1 - (1 - chances / chances.sum()) ** (GPU_BATCH * GPU_TOKENS * count)).sum())


def on_gpus(parameters: float, dim: int, method: str, count: int) -> dict[str, float]:
    """A step on GPUs, in seconds: passes, gradients, and TextAT's table: its rows sent, or summed, whichever is less (`sum_rows`)."""
    passes = get_method(method)().floor / 3
    compute = passes * 6 * parameters * GPU_BATCH * GPU_TOKENS / (GPU["peak"] * GPU["share"])
    inside, nodes = int(min(count, GPU["node"])), count / min(count, GPU["node"])
    gradients = 4 * parameters
    # Inside a node, then between the nodes' GPUs of the same place, each with an eighth.
    reduced = ring(gradients, inside, GPU["inside"]) + ring(gradients / inside, int(nodes), GPU["between"])
    reduced += -(-gradients // (4 * distributed.BUCKET)) * GPU["latency"] * (count > 1)
    slowest = GPU["between"] if nodes > 1 else GPU["inside"]
    row = 4 * dim + ROW
    sent, summed = (count - 1) * different(1) * row / slowest, ring(different(count) * row, count, slowest)
    delays = 4 * GPU["latency"] * (count > 1)
    return {
        "compute": compute,
        "gradients": reduced,
        "sent": sent,
        "summed": summed,
        "table": min(sent, summed) + delays,
    }


def computed() -> list[dict[str, str]]:
    """Rows for 1, 8 and 64 GPUs."""
    rows = []
    for model, (parameters, dim) in SIZES.items():
        for method in METHODS:
            row = {"model": model, "method": method}
            for count in (1, 8, 64):
                at = on_gpus(parameters, dim, method, count)
                whole = at["compute"] + at["gradients"] + (at["table"] if method == "textat" else 0.0)
                row[f"{count} GPU{'s' * (count > 1)} (sentences/s)"] = f"{count * GPU_BATCH / whole:,.0f}"
                row[f"efficiency at {count}"] = f"{at['compute'] / whole:.2f}"
            rows.append({name: value for name, value in row.items() if name != "efficiency at 1"})
    return rows


def page(found: dict[int, dict[str, Any]]) -> list[str]:
    """docs/scaling.md."""
    large = {count: on_gpus(*SIZES["RoBERTa-large"], "textat", count) for count in (8, 64)}
    return [
        "# Several processes, several GPUs",
        "",
        "Made by `OMP_NUM_THREADS=1 python benchmarks/scaling.py`. A method makes all of its passes of a step on its own minibatch; then the gradients are"
        " averaged once, 4 bytes per parameter, and TextAT exchanges the rows of its table that the batch touched (4 D + 16 bytes each).",
        "",
        "step(P) = passes + gradients(P) + table(P)",
        "",
        f"## Checked: gloo, {SENTENCES} sentences of {TOKENS} tokens per process",
        "",
        "*Without exchange*: all processes compute at once, and tell each other nothing. *Exchange computed*: a delay per exchange and the bytes at"
        f" their speed, both from one exchange of {SMALL:,} and one of {LARGE:,} numbers by the same processes, not from a step. Two cores: four"
        " processes share them, which *without exchange* has in it already.",
        "",
        table([row for count, each in found.items() for row in checked(each, count)]),
        "## Computed, not seen: H100",
        "",
        f"Nobody has run this on so many GPUs. Taken for granted: {GPU['peak'] / 1e12:.0f} TFLOP/s of dense bf16, of which a pass reaches"
        f" {GPU['share']:.0%}; an all-reduce of {GPU['inside'] / 1e9:.0f} GB/s inside a node of {GPU['node']} and {GPU['between'] / 1e9:.0f} GB/s per GPU between"
        f" nodes; {1e6 * GPU['latency']:.0f} µs per exchange; {GPU_BATCH} sentences of {GPU_TOKENS} tokens per GPU, with {different(1):,.0f} different ones (Zipf's law), {different(64):,.0f} on 64 GPUs together. A pass forward"
        " is 2 FLOP per parameter and token, backward twice that; passes are each method's floor at its defaults; nothing is hidden behind the"
        " passes, as it is in the code.",
        "",
        table(computed()),
        "Vanilla loses most: a method that makes more passes per exchange of gradients scales better. TextAT's table is exchanged as sparsely as is"
        f" cheapest: at RoBERTa-large's width, rows sent to all take {1e3 * large[8]['sent']:.2f} ms of a step on 8 GPUs and {1e3 * large[64]['sent']:.1f} ms on"
        f" 64, one sum over the tokens of all {1e3 * large[8]['summed']:.2f} and {1e3 * large[64]['summed']:.1f} ms.",
        "",
    ]  # fmt: skip


def main() -> None:
    """Launch, check, compute, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--told", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.told is None:
        print(written("scaling", page({count: launched(count, options.rounds) for count in options.processes})))
        return
    found = work(options.rounds)
    if found["first"]:
        options.told.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
