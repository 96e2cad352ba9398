"""`distributed.sum_rows` in four processes, beside a sum by hand; `test_distributed.py` starts it.

torchrun --nproc-per-node 4 tests/engine/rows_of_four.py
"""

import sys
from collections import Counter
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine import distributed


def part(rank, alike):
    """One process's tokens, rows and counts: many tokens of others too, or none."""
    draw = torch.Generator().manual_seed(rank)
    count = 7 + rank
    tokens = (
        torch.randperm(12, generator=draw)[:count] if alike else 100 * rank + torch.randperm(50, generator=draw)[:count]
    )
    tokens = tokens.sort().values
    return (
        tokens,
        torch.randn(count, 3, generator=draw, dtype=torch.float64),
        torch.randint(1, 9, (count,), generator=draw),
    )


def by_hand(alike):
    """All parts added up, token by token."""
    rows, counts = {}, Counter()
    for rank in range(4):
        for token, row, count in zip(*part(rank, alike), strict=True):
            rows[int(token)] = rows.get(int(token), 0) + row
            counts[int(token)] += int(count)
    names = sorted(rows)
    return (
        torch.tensor(names),
        torch.stack([rows[name] for name in names]),
        torch.tensor([counts[name] for name in names]),
    )


def main():
    dist.init_process_group("gloo")
    plain, sums = dist.all_reduce, []
    dist.all_reduce = lambda tensor, *more, **options: (sums.append(tensor.shape), plain(tensor, *more, **options))[1]
    for alike in (True, False):
        sums.clear()
        found, expected = distributed.sum_rows(*part(dist.get_rank(), alike)), by_hand(alike)
        assert torch.equal(found[0], expected[0]) and torch.equal(found[2], expected[2])
        assert torch.allclose(found[1], expected[1], atol=1e-12)
        assert len(sums) == (2 if alike else 0), sums  # Few tokens that all have are summed, others are sent.
    distributed.leave()


if __name__ == "__main__":
    main()
