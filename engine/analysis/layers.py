"""How δ goes through a model: what it moves at every block, in which attention heads, and where the prediction turns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.analysis import Result, analysis
from engine.analysis.trace import TraceSettings
from engine.anatomy import Passed, blocks
from engine.ascent import climb
from engine.errors import UserError
from engine.methods.passes import PerturbedBatch
from engine.progress import Progress
from engine.sites import EMBEDDINGS
from engine.subjects.classifier import Classifier
from engine.subjects.sentences import resolve_label
from engine.tables import columns


@dataclass(frozen=True)
class Layers(Result):
    """What the last δ of an ascent does to the hidden states h_0 (into the first block) to h_N (out of the last).

    Attributes:
        tokens: [L]. special: [L], whether each is a special token.
        site: where δ enters. norm: ‖δ‖_F, in the site's units.
        moved: [N + 1][L], ‖h' - h‖ / ‖h‖ of every token (1 where h is 0 and h' is not).
        heads: [N][H], how much the attention of a head changes: half of Σ |A' - A| over the tokens that are looked at, averaged
            over the tokens that look (0: not at all; 1: it looks elsewhere altogether). Empty if the model does not give it.
        clean, perturbed: [N + 1][C], what the head of the classifier says of h_i (probabilities; scores for regression). Of
            the last one alone it was trained to say anything.
        turns: the first i from which on the head says another class of h'_i than of h_i, to the end; None: it never does.
    """

    origin: str
    method: str
    site: str
    norm: float
    tokens: list[str]
    special: list[bool]
    labels: list[str]
    moved: list[list[float]]
    heads: list[list[float]]
    clean: list[list[float]]
    perturbed: list[list[float]]
    turns: int | None
    truncated: bool

    def text(self) -> str:
        """Block by block."""
        rows = [
            (
                f"layer:{at}" if at < len(self.moved) - 1 else "head",
                f"{max(moved):.4f}",
                self.tokens[moved.index(max(moved))],
                *("  ".join(f"{value:.3f}" for value in each[at]) for each in (self.clean, self.perturbed)),
            )
            for at, moved in enumerate(self.moved)
        ]
        names = "  ".join(self.labels)
        found = columns(rows, ("into", "moved most", "token", f"clean {names}", f"perturbed {names}"))
        return f"{self.origin}\n\n{self.verdict()}\n\n{found}"

    def verdict(self) -> str:
        """Where δ enters, where the prediction turns, and how far the two passes are apart there and at the end."""
        turned = {None: "does not turn", 0: "turns before the first block"}
        how = turned.get(
            self.turns, f"turns in block {(self.turns or 0) - 1}: from there on the head says another class"
        )
        apart = ""
        if self.turns is not None and self.turns < len(self.clean) - 1:
            apart = (
                f" (probabilities differ by {self._apart(self.turns):.2f} there, by {self._apart(-1):.2f} at the end)"
            )
        return f"The δ of {self.method} enters at {self.site} (‖δ‖ = {self.norm:.3g}). The prediction {how}{apart}."

    def _apart(self, place: int) -> float:
        """By how much a class's probability differs between the clean and the perturbed pass, read off there."""
        return max(abs(a - b) for a, b in zip(self.clean[place], self.perturbed[place], strict=True))


@analysis("layers", "Through the layers", TraceSettings)
def layers(classifier: Classifier, asked: TraceSettings, progress: Progress = None) -> Layers:
    """Follow the δ of a method's ascent through the blocks of the model.

    Raises:
        UserError: a label out of range, or a model that has no row of blocks that keep one vector per token.
    """
    method, encoded = asked.adversary(classifier), asked.encoded(classifier)
    labels, _ = resolve_label(classifier, asked.label, encoded.batch)
    batch = {**encoded.batch, "labels": labels}
    count = asked.steps if asked.steps is not None else getattr(method.settings, "ascent_steps", 1)
    delta = climb(method, classifier.model, batch, steps=count, seed=asked.seed)[-1].delta
    here, there = method.embed(classifier.model, batch), blocks(classifier.model, encoded.batch)
    if not there:
        raise UserError(
            f"{classifier.model.config.model_type} models have no row of blocks that keep one vector per token."
        )
    with torch.no_grad():
        clean, perturbed = (_states(here, there, each) for each in (None, delta))
        said = [_read_off(here, there[-1], states) for states in (clean, perturbed)]
        heads = _attention_moved(classifier.model, here, delta)
    if not classifier.is_regression:
        said = [each.softmax(dim=-1) for each in said]
    differ = [bool(a.argmax() != b.argmax()) for a, b in zip(*said, strict=True)]
    alike = [place for place, each in enumerate(differ) if not each]
    turns = max(alike, default=-1) + 1
    special = set(classifier.tokenizer.all_special_ids)
    return Layers(
        origin=classifier.origin,
        method=method.name,
        site=getattr(method.settings, "site", EMBEDDINGS),
        norm=float(delta.norm()),
        tokens=classifier.tokenizer.convert_ids_to_tokens(encoded.ids.tolist()),
        special=[token in special for token in encoded.ids.tolist()],
        labels=list(classifier.labels),
        moved=[_share(a, b)[0].tolist() for a, b in zip(clean, perturbed, strict=True)],
        heads=heads,
        clean=said[0].tolist(),
        perturbed=said[1].tolist(),
        turns=turns if turns < len(differ) and not classifier.is_regression else None,
        truncated=encoded.truncated,
    )


def _share(before: Tensor, after: Tensor) -> Tensor:
    moved, length = (after - before).norm(dim=-1), before.norm(dim=-1)
    return torch.where(length > 0, moved / length.clamp_min(torch.finfo(length.dtype).tiny), (moved > 0).to(length))


def _states(here: PerturbedBatch, there: list[Passed], delta: Tensor | None) -> list[Tensor]:
    """h_0, …, h_N of a pass with δ, [B, L, D] each."""
    found: list[Tensor] = []

    def note_input(module: Any, inputs: Any, options: dict[str, Any]) -> None:
        found.append(_upright(inputs[0] if inputs else options["hidden_states"], there[0]))

    def note_output(module: Any, inputs: Any, output: Any) -> None:
        last.append(_upright(output[0] if isinstance(output, tuple) else output, there[0]))

    last: list[Tensor] = []
    handles = [
        each.register_forward_pre_hook(note_input, with_kwargs=True)
        for each in dict.fromkeys(at.module for at in there)
    ]
    handles.append(there[-1].module.register_forward_hook(note_output))
    try:
        here.forward(delta, ascent=False)
    finally:
        for handle in handles:
            handle.remove()
    return [*found, last[-1]]


def _upright(hidden: Tensor, at: Passed) -> Tensor:
    return hidden.transpose(0, 1) if at.tokens_first else hidden


def _read_off(here: PerturbedBatch, last: Passed, states: list[Tensor]) -> Tensor:
    """What the model's own end makes of every state, [N + 1, C]: the state stands in for what the last block gives."""
    found = []
    for state in states:
        with _in_place_of(last, state):
            found.append(here.forward(ascent=False).logits[0])
    return torch.stack(found)


@contextmanager
def _in_place_of(last: Passed, state: Tensor) -> Iterator[None]:
    calls = 0

    def put(module: Any, inputs: Any, output: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls - 1 != last.call:
            return output
        given = state.transpose(0, 1) if last.tokens_first else state
        return (given, *output[1:]) if isinstance(output, tuple) else given

    handle = last.module.register_forward_hook(put)
    try:
        yield
    finally:
        handle.remove()


def _attention_moved(model: Any, here: PerturbedBatch, delta: Tensor) -> list[list[float]]:
    """See `Layers.heads`. Weights of attention are there with the plain (eager) computation alone."""
    before = getattr(model.config, "_attn_implementation", None)
    try:
        model.set_attn_implementation("eager")
        with here.moved():
            clean = model(**_without_labels(here), output_attentions=True).attentions
        with here.moved(delta):
            moved = model(**_without_labels(here), output_attentions=True).attentions
    except (ValueError, AttributeError, TypeError, KeyError):
        return []  # Some architectures have no such weights.
    finally:
        if before is not None:
            model.set_attn_implementation(before)
    if not clean or any(each is None or each.ndim != 4 for each in clean):
        return []
    return [(0.5 * (b - a).abs().sum(dim=-1).mean(dim=-1))[0].tolist() for a, b in zip(clean, moved, strict=True)]


def _without_labels(here: PerturbedBatch) -> dict[str, Tensor]:
    return {name: each for name, each in here.inputs().items() if name != "labels"}
