"""Every method with the weights spread over two processes (FSDP2), beside whole weights: one step's gradients; a curve of
losses beside that of one process with the whole batch; and the curve of one that is stopped, saved whole and goes on.

torchrun --nproc-per-node 2 tests/engine/sharded.py FILE
"""

import copy
import json
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine import distributed
from engine.errors import UserError
from engine.methods import METHODS
from tests import tiny


def gradients(model):
    """By name, those of sharded weights put together."""
    found = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    return {name: each.full_tensor() if hasattr(each, "full_tensor") else each for name, each in found.items()}


def sharded_copy(model):
    """The model with its weights spread over the processes."""
    copied = copy.deepcopy(model)
    for block in copied.bert.encoder.layer:
        fully_shard(block)
    return fully_shard(copied)


def curve(model, method, batch, steps, optimizer=None):
    """The losses of some optimiser steps, averaged over the processes."""
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=1e-2)
    found = []
    for step in steps:
        torch.manual_seed(step)
        for _ in range(method.replays):
            loss = method.step(model, batch).loss.clone()
            optimizer.step()
            optimizer.zero_grad()
        distributed.average([loss])
        found.append(float(loss))
    return found, optimizer


def stopped(make, method_of, own, steps):
    """The losses of a training that is stopped half way, saved whole by the first process, and loaded by both."""
    first, method = make(), method_of()
    before, optimizer = curve(first, method, own, range(steps // 2))
    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
    state, moments = get_state_dict(first, optimizer, options=options)
    assert all(not hasattr(each, "full_tensor") for each in state.values())  # Whole: a plain model can read it.
    if distributed.is_first():
        tiny.model().load_state_dict(state)
    second, again = make(), method_of()
    again.load_state_dict(method.state_dict())
    optimizer = torch.optim.AdamW(second.parameters(), lr=1e-2)
    set_state_dict(second, optimizer, model_state_dict=state, optim_state_dict=moments, options=options)
    return before, second, again, optimizer


def of_whole_weights():
    """The methods that can do without whole weights."""
    return [each for each in METHODS.all() if not each.moves_weights]


def curves(told):
    """What two processes with spread weights make of a batch beside one with the whole."""
    half = slice(2 * dist.get_rank(), 2 * dist.get_rank() + 2)
    own = {name: each[half] for name, each in tiny.batch().items()}
    for method in (partial(each, tokenizer=tiny.TOKENIZER) for each in of_whole_weights()):
        steps = 4
        alone, _ = curve(tiny.model(), method(), tiny.batch(), range(steps))
        together, _ = curve(sharded_copy(tiny.model()), method(), own, range(steps))
        before, model, again, optimizer = stopped(lambda: sharded_copy(tiny.model()), method, own, steps)
        after, _ = curve(model, again, own, range(steps // 2, steps), optimizer)
        told[f"{method.func.name} curve"] = {"alone": alone, "together": together, "resumed": [*before, *after]}


def main(file):
    dist.init_process_group("gloo")
    half = slice(2 * dist.get_rank(), 2 * dist.get_rank() + 2)
    own = {name: each[half] for name, each in tiny.batch().items()}
    told = {}
    with suppress(UserError):  # It moves whole weights, and says so.
        METHODS.get("sam")().step(sharded_copy(tiny.model()), own)
        told["sam is not refused"] = {}
    for method in of_whole_weights():
        for site in ("embeddings", "layer:1") if method.takes_sites() else ("embeddings",):
            settings = {"site": site} if method.takes_sites() else {}
            whole = tiny.model()
            sharded = sharded_copy(whole)
            losses = []
            for model in (whole, sharded):
                torch.manual_seed(5)
                losses.append(float(method(tokenizer=tiny.TOKENIZER, **settings).step(model, own).loss))
            expected, found = gradients(whole), gradients(sharded)
            distributed.average(expected.values())
            assert expected.keys() == found.keys()
            told[f"{method.name} {site}"] = {
                "loss": abs(losses[0] - losses[1]),
                "gradients": max(float((found[name] - expected[name]).abs().max()) for name in expected),
                "largest": max(float(each.abs().max()) for each in expected.values()),
            }
    curves(told)
    if distributed.is_first():
        Path(file).write_text(json.dumps(told))
    distributed.leave()


if __name__ == "__main__":
    main(sys.argv[1])
