"""Memory of TextAT's table against the size of the vocabulary, beside that of a dense table.

    python benchmarks/table_memory.py [--dim 384] [--steps 500]

Tokens are drawn from a Zipf distribution, 32 sentences of 25 tokens per step; bytes are those of the tensors.
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.methods.token_table import TokenTable


def main() -> None:
    """Fill a table for every vocabulary and print the bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--vocabularies", type=int, nargs="+", default=[30_522, 50_265, 128_100, 250_002])
    options = parser.parse_args()
    print(f"{options.steps} steps, D = {options.dim}\n")
    print(
        "| vocabulary V | rows touched | table (MB) | of it index (MB) | dense V × D (MB) | table / dense |\n|---|---|---|---|---|---|"
    )
    for vocabulary in options.vocabularies:
        generator = torch.Generator().manual_seed(0)
        chances = 1.0 / torch.arange(1, vocabulary + 1).double()
        table = TokenTable(vocabulary, options.dim, magnitude=0.1, seed=0, like=torch.zeros(1))
        for _ in range(options.steps):
            ids = torch.multinomial(chances, 32 * 25, replacement=True, generator=generator).view(32, 25)
            mask = torch.ones_like(ids)
            table.write(ids, mask, table.look_up(ids, mask))
        index = table.slot.nbytes / 2**20
        own = index + sum(each.nbytes for each in (table.rows, table.tokens, table.counts)) / 2**20
        dense = vocabulary * options.dim * 4 / 2**20
        print(f"| {vocabulary:,} | {len(table):,} | {own:.1f} | {index:.1f} | {dense:.1f} | {own / dense:.2f} |")


if __name__ == "__main__":
    main()
