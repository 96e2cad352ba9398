"""One step of every method with weights spread by DeepSpeed's ZeRO-3, beside the same step with whole weights.

    pip install deepspeed
    torchrun --nproc-per-node 2 benchmarks/zero3.py

Prints, for every method and site, the difference of the losses and the largest of the gradients, in float32 (on CPUs with
gloo). DeepSpeed is no requirement of the project: it is tried here alone.
"""

import copy
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DS_ACCELERATOR", "cpu")

import deepspeed
from deepspeed.utils import safe_get_full_grad

from engine import distributed
from engine.methods import METHODS
from tests import tiny

CONFIG = {
    "train_micro_batch_size_per_gpu": 2,
    "zero_optimization": {"stage": 3, "stage3_param_persistence_threshold": 0},
    "zero_force_ds_cpu_optimizer": False,
    "zero_allow_untested_optimizer": True,
}


def differences(method, settings: dict, own: dict) -> tuple[float, float]:
    """(of the loss, the largest of the gradients averaged over the processes)."""
    whole = tiny.model(dtype=torch.float32)
    spread = copy.deepcopy(whole)
    optimizer = torch.optim.SGD(spread.parameters(), lr=0.1)
    engine, *_ = deepspeed.initialize(model=spread, optimizer=optimizer, config=CONFIG)
    losses = []
    for model, options in ((whole, {}), (engine, {"backward": engine.backward})):
        torch.manual_seed(5)
        losses.append(float(method(**settings).step(model, own, **options).loss))
    found = [safe_get_full_grad(each) for each in engine.module.parameters()]
    expected = [torch.zeros_like(each) if each.grad is None else each.grad for each in whole.parameters()]
    distributed.average(expected)
    apart = [float((a - b).abs().max()) for a, b in zip(expected, found, strict=True)]
    return abs(losses[0] - losses[1]), max(apart)


def main() -> None:
    """Every method, at the words and at a layer."""
    deepspeed.init_distributed("gloo")
    half = slice(2 * dist.get_rank(), 2 * dist.get_rank() + 2)
    own = {name: each[half] for name, each in tiny.batch().items()}
    for method in METHODS.all():
        for site in ("embeddings", "layer:1") if method.takes_sites() and method.name != "vanilla" else ("embeddings",):
            loss, gradient = differences(method, {} if method.name == "vanilla" else {"site": site}, own)
            if distributed.is_first():
                print(f"{method.name} {site}: loss {loss:.1e}, gradients {gradient:.1e}", flush=True)
    distributed.leave()


if __name__ == "__main__":
    main()
