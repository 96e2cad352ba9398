"""What a method's ascent does to one sentence, step by step. Nothing is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.analysis.classifier import Classifier
from engine.errors import UserError
from engine.methods.base import Method
from engine.perturbation import example_norms, token_norms

NEAREST = 5


@dataclass(frozen=True)
class Trace:
    """One ascent path over K steps; index 0 is the start.

    Attributes:
        tokens: [L], the tokenizer's. token_norms: [K+1][L], ‖δ^i‖_2. norms: [K+1], ‖δ‖_F.
        loss: [K+1], the task's loss. objective: [K+1], what the method ascends (SMART: ℓ_s; else the loss).
        probabilities: [K+1][C] (regression: the score itself). label: the class (or score) the loss is taken against.
        nearest: [L], vocabulary tokens nearest to the perturbed embedding, each with its distance.
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


def _label(classifier: Classifier, label: str | int | float | None, clean: Tensor) -> tuple[Tensor, bool]:
    """The label as `[1]`: as given (a class number, a class name, a score), else what the model says."""
    if label is None:
        value = clean.reshape(-1)[:1] if classifier.is_regression else clean.argmax(dim=-1)
        return value.detach(), False
    try:
        if classifier.is_regression:
            return torch.tensor([float(label)], device=clean.device), True
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
    model = classifier.model
    count = steps if steps is not None else getattr(method.settings, "ascent_steps", 1)
    with torch.no_grad():
        clean = model(**batch).logits
    labels, given = _label(classifier, label, clean)
    _load_table(classifier, method)
    norms, losses, objectives, outputs = [], [], [], []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        embedded = method.embed(model, {**batch, "labels": labels})
        objective = method.ascent_objective(embedded)
        state = method.start(embedded)
        for step in range(count + 1):
            delta = method.total(state)
            at = embedded.forward(delta)
            value = objective(at.logits)
            norms.append(token_norms(delta)[0])
            losses.append(embedded.losses(at.logits.detach())[0])
            objectives.append(value.detach()[0])
            outputs.append(at.logits.detach()[0].float())
            if step < count:
                state = method.ascend(state, embedded.input_gradient(value.sum(), at), embedded)
    probabilities = torch.stack(outputs)
    if not classifier.is_regression:
        probabilities = probabilities.softmax(dim=-1)
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
        loss=torch.stack(losses).tolist(),
        objective=torch.stack(objectives).tolist(),
        probabilities=probabilities.tolist(),
        labels=list(classifier.labels),
        label=labels[0].item(),
        label_given=given,
        nearest=nearest_tokens(classifier, embedded.embeddings[0] + delta[0], ids),
        truncated=truncated,
        origin=classifier.origin,
    )


def _load_table(classifier: Classifier, method: Method[Any]) -> None:
    """TextAT on a TextAT run starts from that run's table."""
    if method.name == "textat" and classifier.method_state is not None:
        from safetensors.torch import load_file

        state: Mapping[str, Tensor] = load_file(classifier.method_state, device=str(classifier.device))
        if "rows" in state:
            method.load_state_dict(state)


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
    last = trace_.token_norms[-1]
    return [
        norm / near[0]["distance"] if near and near[0]["distance"] else 0.0
        for norm, near in zip(last, trace_.nearest, strict=True)
    ]


__all__ = ["Trace", "encode_text", "example_norms", "nearest_tokens", "shift_to_gap", "trace"]
