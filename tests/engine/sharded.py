"""One step of every method with the weights spread over two processes (FSDP2), beside the same step with whole weights.

torchrun --nproc-per-node 2 tests/engine/sharded.py FILE
"""

import copy
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine import distributed
from engine.methods import METHODS
from tests import tiny


def gradients(model):
    """By name, those of sharded weights put together."""
    found = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    return {name: each.full_tensor() if hasattr(each, "full_tensor") else each for name, each in found.items()}


def main(file):
    dist.init_process_group("gloo")
    half = slice(2 * dist.get_rank(), 2 * dist.get_rank() + 2)
    own = {name: each[half] for name, each in tiny.batch().items()}
    told = {}
    for method in METHODS.all():
        for site in ("embeddings", "layer:1") if method.takes_sites() and method.name != "vanilla" else ("embeddings",):
            settings = {} if method.name == "vanilla" else {"site": site}
            whole = tiny.model()
            sharded = copy.deepcopy(whole)
            for block in sharded.bert.encoder.layer:
                fully_shard(block)
            fully_shard(sharded)
            losses = []
            for model in (whole, sharded):
                torch.manual_seed(5)
                losses.append(float(method(**settings).step(model, own).loss))
            expected, found = gradients(whole), gradients(sharded)
            distributed.average(expected.values())
            assert expected.keys() == found.keys()
            told[f"{method.name} {site}"] = {
                "loss": abs(losses[0] - losses[1]),
                "gradients": max(float((found[name] - expected[name]).abs().max()) for name in expected),
                "largest": max(float(each.abs().max()) for each in expected.values()),
            }
    if distributed.is_first():
        Path(file).write_text(json.dumps(told))
    distributed.leave()


if __name__ == "__main__":
    main(sys.argv[1])
