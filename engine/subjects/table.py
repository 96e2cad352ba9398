"""TextAT's table Z of a run: its rows, their growth, and what lies near them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.anatomy import vocabulary
from engine.data.sources import load_dataset
from engine.errors import UserError
from engine.methods.passes import PerturbedBatch
from engine.models import load_tokenizer
from engine.perturbation import token_norms
from engine.runs.run import Run
from engine.subjects.classifier import Classifier, load_classifier

Space = Literal["Z", "embedding", "embedding + Z"]
SPACES: tuple[Space, ...] = ("Z", "embedding", "embedding + Z")
DIRECTION_TEXTS = 64


@dataclass(frozen=True)
class TableState:
    """The touched rows at the latest record.

    Attributes:
        step: optimiser step.
        tokens: [n] ids.
        rows: [n, D], Z[w].
        norms: [n], ‖Z[w]‖_2.
        counts: [n], how often the token was met in training (its frequency there).
        vocabulary: V.
    """

    step: int
    tokens: Tensor
    rows: Tensor
    norms: Tensor
    counts: Tensor
    vocabulary: int


tokenizer_of = lru_cache(maxsize=4)(load_tokenizer)


def snapshots(run: Run) -> list[tuple[int, Path]]:
    """The recorded states of a run's table: (step, file), in order. They are there while it trains."""
    return sorted((int(file.stem), file) for file in (run.folder / "table").glob("*.safetensors"))


def table_state(run: Run) -> TableState:
    """The table of a TextAT run, running or ended.

    Raises:
        UserError: the run is not one of TextAT's, or has no record yet.
    """
    if run.config["method"] != "textat":
        raise UserError(f"{run.id} was trained with {run.config['method']}: only textat runs have a table.")
    taken = snapshots(run)
    if not taken or not run.table_file.exists():
        raise UserError(f"{run.id} has no recorded table yet: the first is written at its first evaluation.")
    state = load_file(run.table_file)
    rows = state["rows"].float()
    return TableState(
        taken[-1][0], state["tokens"], rows, token_norms(rows), state["counts"], int(state["vocabulary_size"])
    )


def growth(run: Run, tokens: Sequence[int]) -> dict[int, list[tuple[int, float]]]:
    """‖Z[w]‖_2 of some tokens at every record: (step, norm), from the step at which each was first touched."""
    found: dict[int, list[tuple[int, float]]] = {token: [] for token in tokens}
    for step, file in snapshots(run):
        state = load_file(file)
        norms = dict(zip(state["tokens"].tolist(), state["norms"].tolist(), strict=True))
        for token, points in found.items():
            if token in norms:
                points.append((step, norms[token]))
    return found


def parts(tokenizer: Any, tokens: Sequence[int]) -> list[str]:
    """`special`, `piece` (continues a word) or `whole word` (begins one), per token.

    Read off the marks of WordPiece (##piece), SentencePiece (▁word) or byte-level BPE (Ġword).
    """
    names = tokenizer.convert_ids_to_tokens(list(tokens))
    special = set(tokenizer.all_special_ids)
    vocabulary = tokenizer.get_vocab()
    many = len(vocabulary) / 10
    starts = next((mark for mark in "▁Ġ" if sum(name.startswith(mark) for name in vocabulary) > many), "")

    def part(token: int, name: str) -> str:
        if token in special:
            return "special"
        continues = not name.startswith(starts) if starts else name.startswith("##")
        return "piece" if continues else "whole word"

    return [part(token, name) for token, name in zip(tokens, names, strict=True)]


def vectors(state: TableState, embeddings: Tensor, space: Space) -> Tensor:
    """The touched tokens as points of a space, [n, D]: rows of Z, word embeddings, or their sum."""
    words = embeddings[state.tokens].float()
    return {"Z": state.rows, "embedding": words, "embedding + Z": words + state.rows}[space]


def neighbours(points: Tensor, place: int, count: int = 8) -> list[tuple[int, float]]:
    """The points nearest to point `place` by Euclidean distance, itself left out: (place, distance)."""
    distances = torch.cdist(points[place][None], points)[0]
    distances[place] = float("inf")
    nearest, places = distances.topk(min(count, len(points) - 1), largest=False)
    return list(zip(places.tolist(), nearest.tolist(), strict=True))


def class_direction(classifier: Classifier, texts: Sequence[str], batch_size: int = 32) -> Tensor:
    """The direction in embedding space in which the class margin rises, [D], of length 1.

    The mean over the texts' tokens of ∇_X (z_1 - z_0) (for more classes: the last against the first; for regression:
    of the score), to first order what adding the same vector to every token does.
    """
    if classifier.tags:
        raise UserError("A model that tags every token has no direction of a text's class.")
    model = classifier.model
    total: Tensor | None = None
    for start in range(0, len(texts), batch_size):
        batch = classifier.tokenizer(
            list(texts[start : start + batch_size]),
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=classifier.max_length,
        ).to(classifier.device)
        kind = torch.float if classifier.is_regression else torch.long
        labels = torch.zeros(len(batch["input_ids"]), dtype=kind, device=classifier.device)  # Not looked at.
        here = PerturbedBatch(model, {**batch, "labels": labels})
        at = here.forward()
        margin = at.logits[:, -1] - (0.0 if classifier.is_regression else at.logits[:, 0])
        part = here.input_gradient(margin.sum(), at)[batch["attention_mask"].bool()].sum(0)
        total = part if total is None else total + part
    if total is None:
        raise UserError("A class direction needs at least one text.")
    return (total / total.norm().clamp_min(torch.finfo(total.dtype).tiny)).cpu()


def cosines(rows: Tensor, direction: Tensor) -> Tensor:
    """cos(Z[w], direction) of every row, [n]."""
    return torch.nn.functional.cosine_similarity(rows, direction[None].to(rows), dim=-1)


@lru_cache(maxsize=2)
def _model_side(run: str, model: str | None, dataset: str) -> tuple[Tensor, Tensor]:
    classifier = load_classifier(model, None if model else run)
    texts = load_dataset(dataset).splits["validation"]["text"].tolist()[:DIRECTION_TEXTS]
    return vocabulary(classifier.model).cpu(), class_direction(classifier, texts)


def model_side(run: Run) -> tuple[Tensor, Tensor]:
    """The word embeddings `[V, D]` of a run's model, and its class direction `[D]`.

    A run that still trains is seen beside the model that it starts from.
    """
    return _model_side(run.id, None if run.model_folder.exists() else run.config["model"], run.config["dataset"])
