"""Memory and time of a FreeLB step with and without LoRA and gradient checkpointing, on a decoder with random weights.

    python benchmarks/adapters.py [--layers 24] [--width 1024] [--batch-size 4] [--tokens 128] [--rank 8] [--steps 2]

Each variant runs in a process of its own. Memory: the process's highest (weights, gradients, AdamW's moments, activations)
over what it held before the model was made; on a GPU the allocator's highest. The first step warms up.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

VARIANTS = {
    "all weights": (False, False),
    "all weights, checkpointing": (False, True),
    "LoRA": (True, False),
    "LoRA, checkpointing": (True, True),
}


def measure(options: argparse.Namespace, adapted: bool, checkpointed: bool) -> dict[str, float]:
    """One variant, in this process."""
    import resource

    import psutil
    import torch
    from transformers import AutoModelForSequenceClassification, Qwen2Config

    from engine.adapters import with_lora
    from engine.methods import get_method
    from engine.models import best_device
    from engine.process import keep_freed_memory
    from engine.sites import checkpointing

    keep_freed_memory()
    device = best_device()
    torch.manual_seed(0)
    before = psutil.Process().memory_info().rss
    model = AutoModelForSequenceClassification.from_config(
        Qwen2Config(
            vocab_size=32_000, hidden_size=options.width, num_hidden_layers=options.layers,
            num_attention_heads=options.width // 64, num_key_value_heads=max(1, options.width // 256),
            intermediate_size=4 * options.width, pad_token_id=0, num_labels=2,
        )
    )  # fmt: skip
    count = sum(each.numel() for each in model.parameters())
    if checkpointed:
        checkpointing(model)
    if adapted:
        model = with_lora(model, options.rank)
    model = model.to(device).train()
    learnt = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=1e-4)
    method = get_method("freelb")()
    ids = torch.randint(5, 32_000, (options.batch_size, options.tokens), device=device)
    batch = {"input_ids": ids, "labels": torch.arange(options.batch_size, device=device) % 2}
    seconds = []
    for _ in range(options.steps + 1):
        began = time.perf_counter()
        method.step(model, batch)
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated()
    learning = sum(each.numel() for each in learnt)
    return {"parameters": count, "learnt": learning, "gb": peak / 1e9, "seconds": median(seconds[1:])}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("layers", 24), ("width", 1024), ("batch-size", 4), ("tokens", 128), ("rank", 8), ("steps", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        print(json.dumps(measure(options, *VARIANTS[options.variant])))
        return
    from engine.tables import columns

    found = {}
    for name in VARIANTS:
        command = [sys.executable, __file__, *sys.argv[1:], "--variant", name]
        made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if made.returncode:
            raise SystemExit(f"{name}: {made.stderr[-400:]}")
        found[name] = json.loads(made.stdout.splitlines()[-1])
        print(name, found[name], file=sys.stderr, flush=True)
    base = found["all weights"]
    rows = [
        (name, f"{one['learnt'] / 1e6:.1f} M", f"{one['gb']:.1f} GB", f"{one['gb'] / base['gb']:.2f}",
         f"{one['seconds'] / base['seconds']:.2f}")
        for name, one in found.items()
    ]  # fmt: skip
    print(
        f"{base['parameters'] / 1e6:.0f} M parameters, batch {options.batch_size} × {options.tokens} tokens, FreeLB with K = 3"
    )
    print(columns(rows, ("trained", "parameters", "memory", "of all weights'", "time, of all weights'")))


if __name__ == "__main__":
    main()
