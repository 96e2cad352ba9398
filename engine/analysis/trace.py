"""What a method's ascent does to one sentence, step by step."""

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.analysis import Result, analysis
from engine.anatomy import vocabulary, word_embeddings
from engine.ascent import climb
from engine.methods.base import Method
from engine.perturbation import token_norms
from engine.progress import Progress
from engine.settings import CONFIG
from engine.sites import EMBEDDINGS, said_at
from engine.subjects.classifier import Classifier, precise
from engine.subjects.sentences import Ascent, Sentence, resolve_label
from engine.tables import columns

NEAREST = 5


SAID = ("epsilon", "step_size", "start_magnitude", "start_sigma", "magnitude", "norm")  # Of a method, over its ascent.


@dataclass(frozen=True)
class Trace(Result):
    """One ascent path over K steps; index 0 is the start.

    Attributes:
        tokens: `[L]`, the tokenizer's.
        token_norms: `[K+1][L]`, ‖δ^i‖_2.
        norms: `[K+1]`, ‖δ‖_F.
        loss: `[K+1]`, the task's loss.
        objective: `[K+1]`, what the method ascends (SMART: ℓₛ; else the loss).
        probabilities: `[K+1][C]` (regression: the score itself).
        label: the class (or score) the loss is taken against.
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
        """As the command line's JSON."""
        return dict(self.__dict__)

    def short_of_the_edge(self) -> str:
        """That δ ended inside of its ball, and what would lead it to the edge, in a sentence; "" where it is there."""
        epsilon, steps = self.epsilon, len(self.norms) - 1
        is_frobenius = self.settings.get("norm", "frobenius") == "frobenius"
        if not is_frobenius or not epsilon or not steps or self.norms[-1] >= 0.99 * epsilon:
            return ""
        usual = 2 * epsilon / steps  # With it K steps can cross the whole ball.
        is_small = self.settings.get("step_size", usual) < 0.99 * usual
        size = f"a step size of 2ε/K = {usual:.3g}" if is_small else "a larger step size"
        return (
            f"δ ends at ‖δ‖ = {self.norms[-1]:.3g}, inside the ball of radius ε = {epsilon:g}: {size}, or more steps, would take it to the"
            " edge."
        )

    def text(self) -> str:
        """Step by step, then token by token."""
        rows = [
            (step, f"{norm:.4g}", f"{loss:.4f}", "  ".join(f"{value:.4f}" for value in row))
            for step, (norm, loss, row) in enumerate(zip(self.norms, self.loss, self.probabilities, strict=True))
        ]
        where = said_at(str(self.settings.get("site", EMBEDDINGS)))
        how = ", ".join(
            f"{name} {value}" for name, value in self.settings.items() if name in SAID and value is not None
        )
        text = f"{self.origin}{where}\n{self.method}: {how}\n\n{columns(rows, ('step', '|delta|', 'loss', '  '.join(self.labels)))}\n\n"
        if short := self.short_of_the_edge():
            text += f"{short}\n\n"
        if not any(self.nearest):  # At a layer no tokens lie near.
            moved = [(token, f"{norm:.4g}") for token, norm in zip(self.tokens, self.token_norms[-1], strict=True)]
            return text + columns(moved, ("token", "|delta|"))
        tokens = [
            (token, f"{norm:.4g}", near[0]["token"] if near else "-", f"{near[0]['distance']:.3f}" if near else "-")
            for token, norm, near in zip(self.tokens, self.token_norms[-1], self.nearest, strict=True)
        ]
        return text + columns(tokens, ("token", "|delta|", "nearest other", "distance"))


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class TraceSettings(Ascent):
    """A sentence and a method."""

    steps: int | None = Field(default=None, ge=0, le=50)
    """K, the ascent steps; empty: as many as the method's settings say."""


@analysis("trace", "One method's ascent", TraceSettings)
def trace(classifier: Classifier, asked: TraceSettings, progress: Progress = None) -> Trace:
    """Follow a method's ascent on one sentence (or pair), with dropout off.

    Raises:
        UserError: a label out of range, or settings that the method has not.
    """
    return follow(classifier, asked.adversary(classifier), asked, asked.steps)


def follow(classifier: Classifier, method: Method[Any], sentence: Sentence, steps: int | None = None) -> Trace:
    """The ascent of a method that is made already.

    Args:
        steps: K; None: the method's own number.
    """
    encoded = sentence.encoded(classifier)
    batch = encoded.batch
    if method.takes_differences:  # ℓₛ near 0 would be float32's rounding.
        classifier = precise(classifier)
    model = classifier.model
    count = steps if steps is not None else getattr(method.settings, "ascent_steps", 1)
    labels, given = resolve_label(classifier, sentence.label, batch)
    path = climb(classifier.fitted(method), model, {**batch, "labels": labels}, steps=count, seed=sentence.seed)
    norms = [token_norms(point.delta)[0] for point in path]
    probabilities = torch.stack([point.logits[0].float() for point in path])
    if not classifier.is_regression:
        probabilities = probabilities.softmax(dim=-1)
    ids = encoded.ids
    near: list[list[dict[str, Any]]] = [[] for _ in ids]
    gaps = [0.0 for _ in ids]
    if getattr(method.settings, "site", EMBEDDINGS) == EMBEDDINGS:  # Tokens lie near one another there alone.
        with torch.no_grad():
            looked_up = word_embeddings(model)(ids)
        # From where the tokens went, and from where they were.
        found = nearest_tokens(classifier, torch.cat([looked_up + path[-1].delta[0], looked_up]), ids.repeat(2))
        near, gaps = found[: len(ids)], [one[0]["distance"] if one else 0.0 for one in found[len(ids) :]]
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
        nearest=near,
        gaps=gaps,
        truncated=encoded.truncated,
        origin=classifier.origin,
    )


def nearest_tokens(
    classifier: Classifier, embeddings: Tensor, ids: Tensor, count: int = NEAREST
) -> list[list[dict[str, Any]]]:
    """The vocabulary tokens whose word embeddings are nearest (L2) to each of `embeddings` `[L, D]`.

    A token itself, special tokens and unused vocabulary places are left out.
    """
    distances = torch.cdist(embeddings[None], vocabulary(classifier.model)[None].to(embeddings.dtype))[0]
    distances[:, classifier.no_words] = float("inf")
    distances[torch.arange(len(ids), device=ids.device), ids] = float("inf")
    values, places = distances.topk(min(count, distances.shape[1]), largest=False)
    return [
        [
            {"token": classifier.tokenizer.convert_ids_to_tokens(place), "distance": value}
            for value, place in zip(row, found, strict=True)
            if value != float("inf")
        ]
        for row, found in zip(values.tolist(), places.tolist(), strict=True)
    ]


def shift_to_gap(trace_: Trace) -> list[float]:
    """How far each token moved, as a share of the distance to the nearest other token (yardstick for ε), [L]."""
    return [norm / gap if gap else 0.0 for norm, gap in zip(trace_.token_norms[-1], trace_.gaps, strict=True)]
