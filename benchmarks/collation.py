"""What making the masks costs, as a share of a pre-training step, for every strategy and for ELECTRA.

    python benchmarks/collation.py [--rounds 10] [--batch-size 32]

A step is padding, masking, forward, backward; the optimiser is left out, so the share is rather too large than too small.
The goal is under 10 %.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.data.segmentation import encode_words
from engine.data.sources import load_texts
from engine.lexicon.similar import similar_words
from engine.models import best_device
from engine.objectives.electra import ELECTRA, ELECTRASettings
from engine.objectives.macbert import MacBERT, MacBERTSettings
from engine.objectives.masking import STRATEGIES
from engine.objectives.start import load_discriminator, load_masked_lm


def timed(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(objective: object, features: list[dict], rounds: int) -> float:
    """Median share of a step that padding and masking take."""
    device = best_device()
    module = objective.module.to(device).train()
    shares = []
    for turn in range(rounds + 1):
        module.zero_grad()
        made = {}
        collation = timed(lambda made=made: made.update(objective.collator(list(features))))
        batch = {name: tensor.to(device) for name, tensor in objective.collator.pad(features).items()}
        step = timed(lambda batch=batch: objective.loss(module, batch)[0].backward())  # Masks again: it is in the step.
        if turn:  # The first one warms up.
            shares.append(collation / step)
    return statistics.median(shares)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    print(f"{'data set':18} {'objective':22} {'share of a step':>16}")
    for dataset, model, language in (("movie-sentiment", "minilm", "en"), ("reviews-zh", "zh-small", "zh")):
        texts = load_texts(dataset)["train"][: options.batch_size]
        for strategy in STRATEGIES:
            encoder, tokenizer, _ = load_masked_lm(model)
            similar = similar_words(language) if strategy == "mac" else None
            objective = MacBERT(encoder, tokenizer, MacBERTSettings(strategy=strategy), similar)
            features = [encode_words(tokenizer, text, None, 128) for text in texts]
            print(
                f"{dataset:18} {'MLM, ' + strategy:22} {measure(objective, features, options.rounds):16.1%}", flush=True
            )
        encoder, generator, head, tokenizer, _ = load_discriminator(model)
        objective = ELECTRA(encoder, tokenizer, ELECTRASettings(), generator=generator, head=head)
        print(f"{dataset:18} {'ELECTRA':22} {measure(objective, features, options.rounds):16.1%}", flush=True)


if __name__ == "__main__":
    main()
