"""Leaves the other processes right after an exchange; `test_distributed.py` starts it in two processes."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine import distributed


def main():
    distributed.join()
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
    model(torch.ones(1, 2)).sum().backward()
    sys.setswitchinterval(10)  # Threads ask for Python's lock after ten seconds only: gloo's get it when it is free.
    for _ in range(20):
        dist.all_gather([torch.empty(3) for _ in range(2)], torch.ones(3))
    distributed.leave()


if __name__ == "__main__":
    main()
