"""Adversarial examples in words: masking strategies and replaced tokens."""

import argparse
from dataclasses import asdict

from engine.commands.common import SEED, Verb, add_settings, columns, number, pairs, progress, show, unread
from engine.errors import UserError


def add(verb: Verb) -> None:
    """The verbs of this module."""
    made = verb("mask", _mask, "Mask one text with a strategy of MacBERT's Figure 1.")
    made.add_argument("--strategy", default="mac", help="original, wwm, ngram or mac")
    made.add_argument("--text", required=True)
    made.add_argument("--model", help="whose tokenizer; default: minilm, for Chinese zh-small")
    made.add_argument("--similar", default="", help="similar words: en, zh or a word2vec file; default: by the text")
    made.add_argument("--seed", type=SEED, default=0)
    add_settings(made)
    made = verb("detect", _detect, "Fill masks with ELECTRA's generator and let the discriminator judge every token.")
    made.add_argument("--text", required=True)
    made.add_argument("--run", help="an ELECTRA run; default: the ready-made pair")
    made.add_argument("--seed", type=SEED, default=0)
    made.add_argument("--temperature", type=number(), default=1.0)
    made.add_argument("--share", type=number(), default=0.15, help="share of the tokens that is masked (0.15)")


def _mask(options: argparse.Namespace) -> None:
    from engine.analysis.masked_text import mask_text
    from engine.models import load_tokenizer
    from engine.objectives.similar import language_of

    settings = {"strategy": options.strategy, **pairs(options.set)}
    name = options.model or ("zh-small" if language_of(options.text) == "zh" else "minilm")
    said = unread(load_tokenizer(name), options.text)
    found = mask_text(
        options.text, settings, model=options.model, similar=options.similar, seed=options.seed,
        progress=progress("making the word vectors, once"),
    )  # fmt: skip
    rows = [
        (each.before, each.after, each.kind + (" (no similar word)" if each.degraded else ""), each.ngram,
         "" if each.similarity is None else f"{each.similarity:.2f}")
        for each in found.choices
    ]  # fmt: skip
    text = f"{' '.join(found.masked)}\n\n" + columns(rows, ("word", "becomes", "how", "n-gram of", "similarity"))
    show({**asdict(found), "remarks": said}, options.json, text)


def _detect(options: argparse.Namespace) -> None:
    from engine.analysis.detection import detect, load_electra

    if not 0 < options.share < 1:
        raise UserError(f"--share must lie between 0 and 1, but it is {options.share}.")
    if not 0 < options.temperature <= 10:
        raise UserError(f"--temperature must lie between 0 and 10, but it is {options.temperature}.")
    if not options.text.strip():
        raise UserError("The text is empty: give at least one word.")
    pair = load_electra(options.run, progress("pre-training the ready-made pair, once"))
    said = unread(pair.tokenizer, options.text)
    found = detect(pair, options.text, seed=options.seed, temperature=options.temperature, share=options.share)
    rows = [
        (token, other if other != token else "", f"{verdict:.2f}")
        for token, other, verdict in zip(found.tokens, found.corrupted, found.verdicts, strict=True)
    ]
    text = f"{pair.origin}\n\n{columns(rows, ('token', 'generator put', 'P(replaced)'))}"
    show({**asdict(found), "remarks": said}, options.json, text)
