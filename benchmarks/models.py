"""Which architectures work with what: writes the table of docs/models.md.

    python benchmarks/models.py [--write]

Every architecture is a tiny model with random weights, saved with a tokenizer and loaded as any other; each cell is what
came of really doing it on a sentence or a batch.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.adapters import with_lora
from engine.catalogue import analyse
from engine.data.tasks import Task
from engine.errors import UserError
from engine.methods import METHODS
from engine.models import load_model
from engine.sites import checkpointing
from engine.subjects.classifier import Classifier, load_classifier
from tests import tiny

PAGE = Path(__file__).resolve().parents[1] / "docs" / "models.md"
TEXT = "a very dull but good film"
AT_LAYER = {"method": "pgd", "settings": {"site": "layer:1"}}
TAGS = "tags"


def made(architecture: str, folder: Path, encoder: Path, tags: bool) -> Classifier:
    """A tiny model of an architecture with a head for texts, or for the tags of words, saved and loaded."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    config = tiny.CONFIGS[architecture]()
    config.vocab_size = len(tokenizer) + 8
    config.pad_token_id, config.eos_token_id = tokenizer.pad_token_id, tokenizer.sep_token_id
    config.architectures = []  # Of Funnel's two, the first.
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    kind = "token classification" if tags else "classification"
    with_head = load_model(str(folder), Task("tried", kind, ("bad", "good"))).model
    with_head.save_pretrained(folder)
    return load_classifier(str(folder))


def step(classifier: Classifier, method: Any, **settings: Any) -> None:
    """One training step."""
    classifier.model.requires_grad_(True).train()
    batch = dict(classifier.tokenizer([TEXT, "a good film"], padding=True, return_tensors="pt"))
    labels = (batch["attention_mask"] * 101 - 100).clamp_max(1) if classifier.tags else torch.tensor([0, 1])
    report = method(tokenizer=classifier.tokenizer, **settings).step(classifier.model, {**batch, "labels": labels})
    classifier.model.requires_grad_(False).eval()
    if not torch.isfinite(report.loss):
        raise UserError("the loss is not finite")


def every_method(classifier: Classifier) -> None:
    """A step with each."""
    for method in METHODS.all():
        step(classifier, method)


def columns() -> dict[str, Callable[[Classifier], Any]]:
    """What is tried, by name; names that begin with TAGS are of models that tag words."""
    trained = {each.title: lambda classifier, each=each: step(classifier, each) for each in METHODS.all()}
    return {
        **trained,
        "trace": lambda it: analyse("trace", it, text=TEXT, method="pgd"),
        "landscape": lambda it: analyse("landscape", it, text=TEXT, points=5),
        "attribution": lambda it: analyse("attribution", it, text=TEXT, method="pgd"),
        "layer:1, FreeLB": lambda it: step(it, METHODS.get("freelb"), site="layer:1"),
        "layer:1, trace": lambda it: analyse("trace", it, text=TEXT, **AT_LAYER),
        "through the layers": lambda it: analyse("layers", it, text=TEXT, method="pgd"),
        "LoRA": lambda it: with_lora(it.model, 2),
        "checkpointing": lambda it: checkpointing(it.model),
        f"{TAGS}, each method": every_method,
        f"{TAGS}, ascent": lambda it: analyse("tags", it, text=TEXT, method="pgd"),
        f"{TAGS}, layer:1": lambda it: analyse("tags", it, text=TEXT, **AT_LAYER),
    }


def tried(action: Callable[[Classifier], Any], *model: Any) -> str:
    """A tick, or why it cannot be done with the model that is made of the rest."""
    try:
        action(made(*model))
    except UserError as problem:
        return str(problem).removeprefix(f"{model[1]}: ")
    return "✓"


def main() -> None:
    """Try everything, print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write docs/models.md")
    options = parser.parse_args()
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as scratch:
        encoder = tiny.save_encoder(Path(scratch) / "encoder")
        for architecture in tiny.CONFIGS:
            cells = []
            for name, action in columns().items():
                tags = name.startswith(TAGS)
                found = tried(action, architecture, Path(scratch) / f"{architecture}{tags}", encoder, tags)
                if found != "✓":
                    if found not in notes:
                        notes.append(found)
                    found = f"[{notes.index(found) + 1}]"
                cells.append(found)
            rows.append(f"| {architecture} | {' | '.join(cells)} |")
    names = list(columns())
    table = [f"| | {' | '.join(names)} |", f"|---{'|---' * len(names)}|", *rows, ""]
    table += [f"[{number}] {note}\n" for number, note in enumerate(notes, 1)]
    text = "\n".join(table)
    print(text)
    if options.write:
        head, mark, _ = PAGE.read_text(encoding="utf-8").partition("<!-- made by benchmarks/models.py -->\n")
        PAGE.write_text(f"{head}{mark}\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
