"""How a process uses the machine's cores and memory. Imported before torch, by whatever starts a process."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
SPINS = 1000  # About 10 µs.
LONG = 192  # Tokens from which on fused attention is the faster one beside oneDNN's products too.


def wait_politely() -> None:
    """Let idle OpenMP threads sleep instead of spin, unless the environment says otherwise.

    On a machine with few cores a training and the app that shows it would otherwise take each other's turns: two
    processes ran ten times slower side by side, not twice. They spin for the few µs that lie between two small operations: without
    any spinning a step of a small model takes about 6 % longer (docs/performance.md).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
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
    bfloat16 under it; those are left alone.
    """
    import torch

    # It trains there; and what asks torch for one precision of all devices is refused under two.
    if torch.cuda.is_available():
        return
    chip = torch.cpu.get_capabilities()
    if str(chip.get("cpu_name", "")).startswith("AMD") and chip.get("avx512_f") and not chip.get("amx_tile"):
        _attend_to_short_texts_by_products()
        _products().fp32_precision = "bf16"


@contextmanager
def multiplying_fast() -> Iterator[None]:
    """`multiply_fast` in this block: for what goes over many sentences, or often over one. Of every new shape oneDNN makes a program
    first, which a single climb does not earn back (docs/performance.md).
    """
    products = _products()
    before = products.fp32_precision
    try:
        multiply_fast()
        yield
    finally:
        if products.fp32_precision != before:
            products.fp32_precision = before


def _products() -> Any:
    """The setting of how oneDNN multiplies matrices."""
    import torch

    return torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # It replaces its own module.


def _attend_to_short_texts_by_products() -> None:
    """Let plain products do the attention of up to `LONG` tokens wherever oneDNN multiplies: torch's fused attention multiplies small
    blocks, each of which oneDNN prepares anew (8 times slower at 45 tokens).
    """
    import torch
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    def attention(module: torch.nn.Module, query: torch.Tensor, *others: Any, **more: Any) -> Any:
        if not torch.compiler.is_compiling():
            by_onednn = query.dtype == torch.float32 and _products().fp32_precision == "bf16"
            torch.backends.cuda.enable_flash_sdp(not by_onednn or query.shape[2] > LONG)  # So called on the CPU too.
        return sdpa_attention_forward(module, query, *others, **more)

    AttentionInterface.register("sdpa", attention)
