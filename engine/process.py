"""How a process uses the machine's cores and memory. Imported before torch, by whatever starts a process."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def wait_politely() -> None:
    """Let idle OpenMP threads sleep instead of spin, unless the environment says otherwise.

    On a machine with few cores a training and the app that shows it would otherwise take each other's turns: two
    processes ran ten times slower side by side, not twice.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@contextmanager
def quick_imports() -> Iterator[None]:
    """For imports of torch and transformers: they make a million objects that stay, and Python's collector would look through them
    again and again, for a quarter of the time; afterwards it leaves them alone.
    """
    collects, before = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:  # Else what is garbage now would be kept for nothing.
            gc.freeze()
        if collects:
            gc.enable()


def give_way() -> None:
    """Let everything else on the machine go first: a queued run takes the cores that the app leaves, the app stays quick.

    A low priority alone is not enough: threads of a small computation that wait for one another are woken too late.
    """
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    elif hasattr(os, "nice"):
        os.nice(15)


def keep_freed_memory() -> None:
    """Keep what one training step frees for the next one, instead of giving it back to the system (glibc only).

    Fetching it again page by page cost 3 to 5 % of a step of SMART, which holds two graphs at once
    (`benchmarks/step_cost.py --give-back` measures without).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # Another C library.
        return
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # The most that glibc takes.


def multiply_fast() -> None:
    """Let oneDNN multiply float32 matrices where MKL uses half of the chip: on AMD's processors with AVX-512.

    As exact as MKL's products (`tests/engine/test_precision.py`). torch calls the setting "bf16" because a chip with AMX would round to
    bfloat16 under it; those are left alone. For trainings: of every new shape oneDNN makes a program first, which what looks at single
    sentences does not earn back (docs/performance.md).
    """
    import torch

    # It trains there; and what asks torch for one precision of all devices is refused under two.
    if torch.cuda.is_available():
        return
    chip = torch.cpu.get_capabilities()
    if str(chip.get("cpu_name", "")).startswith("AMD") and chip.get("avx512_f") and not chip.get("amx_tile"):
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]  # It replaces its own module.
