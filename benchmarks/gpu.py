"""All methods at BERT-base size on a GPU: cost against vanilla and the floor, and the share of the chip's peak.

    python benchmarks/gpu.py [--batch-size 32] [--length 128] [--precision bf16 fp32] [--peak TFLOPS]

Random weights and random tokens, every sentence at full length. Work is counted by torch's FlopCounterMode (matrix
products only); the peak is the maker's dense figure for the precision, by the chip's name, or what --peak says.
On a machine without a GPU it runs on the CPU, where no peak is known.
"""

import argparse
import contextlib
import sys
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForSequenceClassification

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.step_cost import candidates, compare
from engine.models import best_device, load_tokenizer

# Dense TFLOPS of the data sheets, without sparsity: (bf16, fp32 with TF32).
PEAKS = {
    "H200": (989, 494), "H100 PCIe": (756, 378), "H100": (989, 494), "A100": (312, 156), "L40S": (362, 183),
    "L4": (121, 60), "A10": (125, 62), "RTX 4090": (165, 83), "RTX 3090": (71, 36), "V100": (0, 15.7), "T4": (0, 8.1),
}  # fmt: skip


def peak_of(device: torch.device, precision: str) -> float | None:
    """TFLOPS of the chip in that precision, None if unknown."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name()
    found = next((both for known, both in PEAKS.items() if known in name), None)
    return None if found is None else found[precision == "fp32"] or None


def main() -> None:
    """Measure every precision and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--ascent-steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--precision", nargs="+", default=["bf16", "fp32"], choices=["bf16", "fp32"])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--peak", type=float, help="TFLOPS of the chip, if its name is not known here")
    options = parser.parse_args()
    device = best_device()
    torch.manual_seed(0)
    config = BertConfig(
        num_hidden_layers=options.layers, hidden_size=options.hidden, num_attention_heads=options.hidden // 64,
        intermediate_size=4 * options.hidden,
    )  # fmt: skip
    model = BertForSequenceClassification(config).to(device).train()
    tokenizer = load_tokenizer("minilm")  # For the methods that swap words; its vocabulary is BERT's.
    shape = (options.batch_size, options.length)
    batch = {
        "input_ids": torch.randint(1000, 30_000, shape, device=device),
        "attention_mask": torch.ones(shape, dtype=torch.long, device=device),
        "labels": torch.randint(0, 2, shape[:1], device=device),
    }
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(
        f"{name}, torch {torch.__version__}, batch {shape}, K = {options.ascent_steps}{', compiled' * options.compile}\n"
    )
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    for precision in options.precision:
        half = torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
        peak = options.peak or peak_of(device, precision)
        run = torch.compile(model) if options.compile else model
        with half:
            work = {}
            for each in candidates(options.ascent_steps, tokenizer):
                with FlopCounterMode(display=False) as counter:
                    for _ in range(each.replays):
                        each.step(model, batch)
                work[each.name] = counter.get_total_flops()
            rows = compare(run, batch, candidates(options.ascent_steps, tokenizer), options.rounds)
        print(
            f"{precision}\n\n| method | ms | cost / vanilla | floor | cost / floor | TFLOP | TFLOPS | share of peak |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for row in rows:
            speed = work[row["method"]] / row["seconds"] / 1e12
            share = f"{speed / peak:.0%}" if peak else "unknown"
            print(
                f"| {row['method']} | {row['seconds'] * 1e3:.1f} | {row['ratio']:.2f} | {row['floor']:.2f} |"
                f" {row['overhead']:.3f} | {work[row['method']] / 1e12:.2f} | {speed:.1f} | {share} |"
            )
        if device.type == "cuda":
            print(f"\nMost memory: {torch.cuda.max_memory_allocated() / 2**30:.1f} GB")
        print()


if __name__ == "__main__":
    main()
