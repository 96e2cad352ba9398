"""What a method's ascent does to one sentence, step by step. Nothing is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.analysis.ascent import climb, from_own_table
from engine.analysis.classifier import Classifier, precise
from engine.errors import UserError
from engine.methods.base import Method
from engine.perturbation import token_norms

NEAREST = 5
MOST_SCORE = 1e30


@dataclass(frozen=True)
class Trace:
    """One ascent path over K steps; index 0 is the start.

    Attributes:
        tokens: [L], the tokenizer's. token_norms: [K+1][L], ‖δ^i‖_2. norms: [K+1], ‖δ‖_F.
        loss: [K+1], the task's loss. objective: [K+1], what the method ascends (SMART: ℓₛ; else the loss).
        probabilities: [K+1][C] (regression: the score itself). label: the class (or score) the loss is taken against.
        nearest: [L], vocabulary tokens nearest to the perturbed embedding, each with its distance.
        gaps: [L], distance from the clean embedding to that of the nearest other token.
        truncated: whether the text was cut to the model's length.
    """

    method: str
    epsilon: float | None
    settings: dict[str, Any]
    tokens: list[str]
    special: list[bool]
    token_norms: list[list[float]]
    norms: list[float]
    loss: list[float]
    objective: list[float]
    probabilities: list[list[float]]
    labels: list[str]
    label: int | float
    label_given: bool
    nearest: list[list[dict[str, Any]]]
    gaps: list[float]
    truncated: bool
    origin: str

    def document(self) -> dict[str, Any]:
        """As the CLI's JSON."""
        return dict(self.__dict__)


def encode_text(classifier: Classifier, text: str, text_pair: str | None = None) -> tuple[dict[str, Tensor], bool]:
    """One example as a batch of one on the classifier's device, and whether it was cut.

    Raises:
        UserError: the text is empty.
    """
    if not text.strip() or (text_pair is not None and not text_pair.strip()):
        raise UserError("The text is empty: give at least one word.")
    full = classifier.tokenizer(text, text_pair, truncation=False, verbose=False)
    encoded = classifier.tokenizer(
        text, text_pair, truncation=True, max_length=classifier.max_length, return_tensors="pt"
    )
    batch = {name: tensor.to(classifier.device) for name, tensor in encoded.items()}
    return batch, len(full["input_ids"]) > encoded["input_ids"].shape[1]


def resolve_label(
    classifier: Classifier, label: str | int | float | None, batch: Mapping[str, Tensor]
) -> tuple[Tensor, bool]:
    """The label of one example as `[1]`, and whether it was given: a class number, a class name or a score.

    None takes what the model says of the clean input.

    Raises:
        UserError: it is out of range.
    """
    with torch.no_grad():
        clean = classifier.model(**batch).logits
    if label is None:
        value = clean.reshape(-1)[:1] if classifier.is_regression else clean.argmax(dim=-1)
        return value.detach(), False
    try:
        if classifier.is_regression:
            if abs(score := float(label)) < MOST_SCORE:  # Neither NaN nor infinite.
                return torch.tensor([score], device=clean.device), True
            raise ValueError
        names = list(classifier.labels)
        place = names.index(str(label)) if str(label) in names else int(label)
        if 0 <= place < len(names):
            return torch.tensor([place], device=clean.device), True
    except ValueError:
        pass
    allowed = (
        "a number"
        if classifier.is_regression
        else f"0 to {len(classifier.labels) - 1}, or {', '.join(classifier.labels)}"
    )
    raise UserError(f"The label {str(label)[:40]!r} is out of range: allowed is {allowed}.")


def trace(
    classifier: Classifier,
    method: Method[Any],
    text: str,
    text_pair: str | None = None,
    label: str | int | float | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Trace:
    """Follow the method's ascent on one sentence (or pair), with dropout off.

    Args:
        label: what the loss is taken against; None: the model's own clean prediction.
        steps: K; None: the method's own number. seed: of the random start.

    Raises:
        UserError: empty text, or a label out of range.
    """
    batch, truncated = encode_text(classifier, text, text_pair)
    if method.takes_differences:  # ℓₛ near 0 would be float32's rounding.
        classifier = precise(classifier)
    model = classifier.model
    count = steps if steps is not None else getattr(method.settings, "ascent_steps", 1)
    labels, given = resolve_label(classifier, label, batch)
    path = climb(from_own_table(classifier, method), model, {**batch, "labels": labels}, steps=count, seed=seed)
    norms = [token_norms(point.delta)[0] for point in path]
    probabilities = torch.stack([point.logits[0].float() for point in path])
    if not classifier.is_regression:
        probabilities = probabilities.softmax(dim=-1)
    looked_up = model.get_input_embeddings()(batch["input_ids"])[0]
    ids = batch["input_ids"][0]
    special = set(classifier.tokenizer.all_special_ids)
    return Trace(
        method=method.name,
        epsilon=getattr(method.settings, "epsilon", None),
        settings=method.settings.as_dict(),
        tokens=classifier.tokenizer.convert_ids_to_tokens(ids.tolist()),
        special=[token in special for token in ids.tolist()],
        token_norms=torch.stack(norms).tolist(),
        norms=[float(each.norm()) for each in norms],
        loss=[float(point.loss[0]) for point in path],
        objective=[float(point.objective[0]) for point in path],
        probabilities=probabilities.tolist(),
        labels=list(classifier.labels),
        label=labels[0].item(),
        label_given=given,
        nearest=nearest_tokens(classifier, looked_up + path[-1].delta[0], ids),
        gaps=[near[0]["distance"] if near else 0.0 for near in nearest_tokens(classifier, looked_up, ids, 1)],
        truncated=truncated,
        origin=classifier.origin,
    )


def nearest_tokens(
    classifier: Classifier, embeddings: Tensor, ids: Tensor, count: int = NEAREST
) -> list[list[dict[str, Any]]]:
    """The vocabulary tokens whose word embeddings are nearest (L2) to each of `embeddings` `[L, D]`.

    A token itself, special tokens and unused vocabulary places are left out.
    """
    weights = classifier.model.get_input_embeddings().weight
    vocabulary = classifier.tokenizer.convert_ids_to_tokens(list(range(min(len(classifier.tokenizer), len(weights)))))
    unused = [place for place, token in enumerate(vocabulary) if token is None or token.startswith("[unused")]
    distances = torch.cdist(embeddings[None], weights[None].to(embeddings.dtype))[0]
    distances[:, len(vocabulary) :] = float("inf")
    distances[:, [*unused, *classifier.tokenizer.all_special_ids]] = float("inf")
    distances[torch.arange(len(ids), device=ids.device), ids] = float("inf")
    values, places = distances.topk(min(count, distances.shape[1]), largest=False)
    return [
        [
            {"token": vocabulary[place], "distance": value}
            for value, place in zip(row, found, strict=True)
            if value != float("inf")
        ]
        for row, found in zip(values.tolist(), places.tolist(), strict=True)
    ]


def shift_to_gap(trace_: Trace) -> list[float]:
    """How far each token moved, as a share of the distance to the nearest other token (yardstick for ε), [L]."""
    return [norm / gap if gap else 0.0 for norm, gap in zip(trace_.token_norms[-1], trace_.gaps, strict=True)]
