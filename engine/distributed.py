"""Several processes (`torchrun`, `accelerate launch`): what they tell each other. With one process nothing happens."""

import os
import time
from collections.abc import Iterable, Iterator

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

BUCKET = 2**25 // 4  # Numbers in one exchange: DDP's 25 MB, rounded.
SETTLE = 0.2  # Seconds before a process leaves the others.


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes: the only one, or that of rank 0."""
    return processes() == 1 or dist.get_rank() == 0


def join() -> None:
    """Join the other processes, if a launcher started several; gloo on the CPU, NCCL on GPUs."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from accelerate import PartialState

        from engine.models import best_device

        PartialState(cpu=best_device().type == "cpu")


def leave() -> None:
    """End the common work, so that no process waits for one that has left.

    gloo's threads need Python's lock to let go of their last exchange. If the group or Python ends before they had it,
    they hang the process or abort it (pytorch/pytorch#56297, #190489), so they are given time to take it.
    """
    if processes() > 1:
        time.sleep(SETTLE)
        dist.destroy_process_group()


def told_by_first(words: str) -> str:
    """What the first process says, in all of them."""
    if processes() == 1:
        return words
    said = [words]
    dist.broadcast_object_list(said, src=0)
    return said[0]


def wait_for_all() -> None:
    """Go on when all processes have come here."""
    if processes() > 1:
        dist.barrier()


def average(tensors: Iterable[Tensor]) -> None:
    """Replace every tensor by its mean over the processes, in place. All must give the same shapes in the same order."""
    count = processes()
    if count == 1:
        return
    for bucket in _buckets(tensors):
        flat = parameters_to_vector(bucket)
        dist.all_reduce(flat)
        vector_to_parameters(flat / count, bucket)


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    waiting: list[Tensor] = []
    for tensor in tensors:
        if waiting and (waiting[0].dtype != tensor.dtype or sum(each.numel() for each in waiting) > BUCKET):
            yield waiting
            waiting = []
        waiting.append(tensor)
    if waiting:
        yield waiting


def sum_rows(tokens: Tensor, rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of a sparse table summed over the processes, where each has its own tokens.

    Each process sends its rows to all others or, where the tokens of all are few beside those of each taken together (many processes),
    its part of a sum over the tokens of all: whichever moves fewer bytes (docs/scaling.md).

    Args:
        tokens: ids without repeats, in order, `[n]`.
        rows: `[n, D]`.
        counts: `[n]`. n may differ between the processes.

    Returns:
        The same three, over all tokens of all processes, in the order of the ids.
    """
    count = processes()
    if count == 1:
        return tokens, rows, counts
    sizes = [torch.zeros(1, dtype=torch.long, device=tokens.device) for _ in range(count)]
    dist.all_gather(sizes, torch.tensor([len(tokens)], device=tokens.device))
    lengths = [int(size) for size in sizes]
    every = torch.cat(_gathered(tokens, lengths))
    union = torch.unique(every)
    # All-reduce sends 2 (P - 1) / P of the union's rows, all-gather P - 1 times the longest part.
    if 2 * len(union) < count * max(lengths):
        place = torch.searchsorted(union, tokens)
        summed = [_added(each, place, len(union)) for each in (rows, counts)]
        for each in summed:
            dist.all_reduce(each)
    else:
        place = torch.searchsorted(union, every)
        summed = [_added(torch.cat(_gathered(each, lengths)), place, len(union)) for each in (rows, counts)]
    return union, summed[0], summed[1]


def _added(values: Tensor, place: Tensor, size: int) -> Tensor:
    return values.new_zeros(size, *values.shape[1:]).index_add_(0, place, values)


def _gathered(own: Tensor, lengths: list[int]) -> list[Tensor]:
    """The tensors of all processes, of different lengths."""
    padded = own.new_zeros(max(lengths), *own.shape[1:])
    padded[: len(own)] = own
    parts = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(parts, padded)
    return [part[:length] for part, length in zip(parts, lengths, strict=True)]
