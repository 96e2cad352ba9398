"""SMART's smoothness ℓₛ of every example, in the worst direction and in a random one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd
import torch
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.analysis import Result, analysis
from engine.ascent import Point, climb_in
from engine.methods.losses import divergence
from engine.methods.passes import PerturbedBatch
from engine.methods.smart import SMART
from engine.perturbation import example_noise, project, token_norms, unit_example, unit_token
from engine.progress import Progress, so_far, told
from engine.settings import CONFIG, Settings
from engine.statistics import bootstrap
from engine.subjects.classifier import Classifier, precise
from engine.subjects.samples import Sample, batches, tokens_of
from engine.tables import columns

LEAST_SMOOTH = 8
BATCH = 8  # Small: in float64 it is the products that take the time, and padding is multiplied too.


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class SmoothnessSettings(Sample):
    """A sample, and SMART's inner maximisation."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of SMART."""

    @classmethod
    def inner(cls, values: Mapping[str, Any]) -> type[Settings]:
        """The class of SMART's settings."""
        return SMART.Settings

    @field_validator("settings")
    @classmethod
    def _of_smart(cls, given: dict[str, Any]) -> dict[str, Any]:
        return SMART.Settings.parse(given).as_dict()


@dataclass(frozen=True)
class Example:
    """One example: ℓₛ along the worst and along a random direction at the same ε, and where the worst one moved it.

    Attributes:
        token_norms: [L], ‖δ^i‖_2; all but equal in an L∞ ball, whose corners the ascent reaches.
        token_effects: [L], ℓₛ when δ^i alone is added; [] except for the least smooth examples.
    """

    place: int
    text: str
    adversarial: float
    random: float
    tokens: list[str]
    token_norms: list[float]
    token_effects: list[float] = field(default_factory=list)
    text_pair: str | None = None


@dataclass(frozen=True)
class Smoothness(Result):
    """`examples`: in the data's order. `settings`: of SMART, all of them."""

    origin: str
    dataset: str
    settings: dict[str, Any]
    examples: list[Example]

    @property
    def worst(self) -> list[float]:
        """ℓₛ in the worst direction, example by example."""
        return [each.adversarial for each in self.examples]

    def document(self) -> dict[str, Any]:
        """With the mean of ℓₛ and its 95 % bootstrap interval."""
        mean = sum(self.worst) / len(self.worst)
        return {**super().document(), "mean": mean, "interval": bootstrap(self.worst)}

    def text(self) -> str:
        """The ten least smooth examples."""
        least = sorted(self.examples, key=lambda each: -each.adversarial)[:10]
        rows = [(f"{each.adversarial:.3e}", f"{each.random:.3e}", each.text[:80]) for each in least]
        text = f"{self.origin}\n\nleast smooth at ε = {self.settings['epsilon']}:\n"
        return text + columns(rows, ("worst", "random", "text"))


@analysis("smoothness", "Smoothness", SmoothnessSettings)
def smoothness(classifier: Classifier, asked: SmoothnessSettings, progress: Progress = None) -> Smoothness:
    """`divergences` of a sample."""
    method = SMART(**asked.settings)
    table = asked.table(classifier)

    def made(found: list[Example]) -> Smoothness:
        return Smoothness(classifier.origin, asked.dataset, asked.settings, found)

    return made(divergences(classifier, table, method, seed=asked.seed, progress=progress, made=made))


def random_delta(batch: PerturbedBatch, method: SMART, worst: Tensor, seed: int) -> Tensor:
    """A random point of the ball's surface: ±ε in every coordinate (L∞), a random direction of length ε (Frobenius). Where there is no
    ball, in the published code's way, random directions of the lengths that the worst δ's tokens have.
    """
    noise = example_noise(batch.mask, batch.keys(), batch.like, seed=seed, normal=True)
    if method.settings.variant == "code":
        return unit_token(noise) * token_norms(worst)[..., None]
    epsilon = method.settings.epsilon or 0.0
    return project(epsilon * (noise.sign() if method.norm == "max" else unit_example(noise)), epsilon, method.norm)


def climbs(
    classifier: Classifier, table: pd.DataFrame, methods: Sequence[SMART], *, seed: int
) -> Iterator[tuple[list[int], PerturbedBatch, list[Point]]]:
    """(row numbers, batch, where each method's inner maximisation ends) over a table.

    Args:
        classifier: a `precise` one.
        methods: at one site, with the same tokens perturbed; they share the clean pass.
    """
    for places, batch in batches(classifier, table, BATCH):
        embedded = methods[0].embed(classifier.model, batch)
        ends = [climb_in(each, embedded, steps=each.settings.ascent_steps, seed=seed)[-1] for each in methods]
        yield places, embedded, ends


def at_worst(embedded: PerturbedBatch, worst: Point) -> Tensor:
    """ℓₛ where a climb ended, `[B]`."""
    return divergence(worst.logits, embedded.at_rest.logits)


def at_random(method: SMART, embedded: PerturbedBatch, worst: Point, seed: int) -> Tensor:
    """ℓₛ at a random point of the ball (see `random_delta`), `[B]`."""
    with torch.no_grad():
        moved = embedded.forward(random_delta(embedded, method, worst.delta, seed + 1), ascent=False).logits
    return divergence(moved, embedded.at_rest.logits)


def divergences(
    classifier: Classifier,
    table: pd.DataFrame,
    method: SMART | None = None,
    *,
    seed: int = 0,
    effects: int = LEAST_SMOOTH,
    progress: Progress = None,
    made: Callable[[list[Example]], Any] | None = None,
) -> list[Example]:
    """ℓₛ(f(x̃), f(x)) of every example, in the table's order; symmetrised KL, for regression the squared difference.

    Args:
        table: `text`, perhaps `text_pair`, `label`.
        method: the inner maximisation; None: the paper's settings.
        seed: of the random start and of the random direction.
        effects: of how many of the least smooth examples the `token_effects` are computed (a forward pass per
            token).
        made: makes the result of some of them, to be shown as far as it has come.
    """
    method, classifier = method or SMART(), precise(classifier)
    found: dict[int, Example] = {}
    moves: dict[int, tuple[dict[str, Tensor], Tensor]] = {}  # Of the least smooth so far: the example, and its δ.
    whole = len(table) + min(effects, len(table))  # An example's `token_effects` count as much as an example.
    for places, embedded, (worst,) in climbs(classifier, table, [method], seed=seed):
        batch, norms = embedded.inputs(), token_norms(worst.delta)
        moved, random = at_worst(embedded, worst), at_random(method, embedded, worst, seed)
        for row, place in enumerate(places):
            names = tokens_of(classifier, batch, row)
            found[place] = Example(
                place,
                str(table["text"].iloc[place]),
                float(moved[row]),
                float(random[row]),
                names,
                norms[row][batch["attention_mask"][row].bool()].tolist(),
                text_pair=str(table["text_pair"].iloc[place]) if "text_pair" in table else None,
            )
            moves[place] = ({name: tensor[row] for name, tensor in batch.items()}, worst.delta[row])
        # Of equals the first in the table, as whoever sorts the examples finds them.
        least = sorted(moves, key=lambda place: (-found[place].adversarial, place))[:effects]
        moves = {place: moves[place] for place in least}
        told(progress, len(found), whole)
        if made is not None:
            so_far(progress, partial(made, [found[place] for place in sorted(found)]))
    for count, (place, (example, delta)) in enumerate(moves.items(), 1):
        found[place] = replace(found[place], token_effects=token_effects(classifier, method, example, delta))
        told(progress, len(table) + count, whole)
    return [found[place] for place in sorted(found)]


def token_effects(classifier: Classifier, method: SMART, example: dict[str, Tensor], delta: Tensor) -> list[float]:
    """ℓₛ of one example when each token's part of δ is added alone: [L] for its L real tokens.

    Args:
        example: its inputs without a batch dimension.
        delta: `[L, D]`.
    """
    real = example["attention_mask"].bool().nonzero()[:, 0]
    length = int(real[-1]) + 1  # Without the padding that it had beside longer ones.
    one = {name: tensor[:length] if tensor.dim() else tensor for name, tensor in example.items()}
    batch = {name: tensor.expand(len(real), *tensor.shape) for name, tensor in one.items()}
    alone = torch.zeros(len(real), length, delta.shape[-1], dtype=delta.dtype, device=delta.device)
    alone[torch.arange(len(real)), real] = delta[real]
    with torch.no_grad():
        clean = method.embed(classifier.model, {name: tensor[None] for name, tensor in one.items()}).at_rest
        moved = method.embed(classifier.model, batch).forward(alone, ascent=False).logits
        effects: list[float] = divergence(moved, clean.logits.expand_as(moved)).tolist()
    return effects
