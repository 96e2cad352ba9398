"""The loss over a plane through one example's embedding, with the methods' ascent paths in it."""

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.analysis import Result, analysis
from engine.anatomy import vocabulary
from engine.ascent import at_radius, climb
from engine.errors import UserError
from engine.methods import get_method
from engine.methods.passes import PerturbedBatch
from engine.perturbation import example_noise, unit_example
from engine.progress import Progress, told
from engine.settings import CONFIG
from engine.sites import EMBEDDINGS, SiteName, said_at
from engine.subjects.classifier import Classifier
from engine.subjects.samples import margins
from engine.subjects.sentences import Sentence, resolve_label
from engine.tables import columns

PATHS = ("pgd", "freelb", "smart", "textat")
ASCENT_STEPS = 5
BATCH = 64


@dataclass(frozen=True)
class Landscape(Result):
    """Loss and margin over X + a·u + b·v.

    Attributes:
        axis: `[N]`, the values of a and of b (embedding units).
        loss: `[N][N]`, rows are b, columns a.
        margin: `[N][N]`, rows are b, columns a; for regression the margin is the score.
        paths: per method, one row per point with `a`, `b` (its projection into the plane), `off` (its distance from
            the plane), `loss` and `margin` (its own, not the surface's) and `norm`.
        epsilon: ε; the ball cuts the plane in a circle of that radius.
        tokens: the example's.
        site: where δ enters; axis, paths and ε are in its units.
    """

    axis: list[float]
    loss: list[list[float]]
    margin: list[list[float]]
    paths: dict[str, list[dict[str, float]]]
    epsilon: float
    tokens: list[str]
    label: int | float
    horizontal: str
    vertical: str
    truncated: bool
    site: str = EMBEDDINGS

    def text(self) -> str:
        """The methods' paths."""
        middle = len(self.axis) // 2
        rows = [
            (name, step, f"{at['a']:.3f}", f"{at['b']:.3f}", f"{at['off']:.3f}", f"{at['loss']:.4f}")
            for name, path in self.paths.items()
            for step, at in enumerate(path)
        ]
        text = f"loss in the middle {self.loss[middle][middle]:.4f}, largest {max(map(max, self.loss)):.4f}{said_at(self.site)}\n\n"
        return text + columns(rows, ("method", "step", "a", "b", "off the plane", "loss"))


def _towards_word(classifier: Classifier, batch: PerturbedBatch, place: int, word: str) -> Tensor:
    ids = classifier.tokenizer(word, add_special_tokens=False)["input_ids"]
    if len(ids) != 1 or ids[0] == classifier.tokenizer.unk_token_id:
        raise UserError(f"{word[:40]!r} must be one token of the model's vocabulary, but it is not.")
    if batch.site.name != EMBEDDINGS:
        raise UserError("towards leads to a word's embedding: that direction is there at the word embeddings alone.")
    if not 0 <= place < batch.like.shape[1]:
        raise UserError(f"The token to replace must be 0 to {batch.like.shape[1] - 1}, but it is {place}.")
    target = vocabulary(classifier.model)[ids[0]]
    direction = torch.zeros_like(batch.like)
    direction[0, place] = target - batch.like[0, place]
    if not direction.any():
        raise UserError(f"Token {place} is {word[:40]!r} already: there is no direction from it to itself.")
    return direction


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class LandscapeSettings(Sentence):
    """A sentence and a plane."""

    epsilon: float = Field(default=0.5, gt=0, le=1e6)
    """Radius ε of the ball (Frobenius norm per sentence, embedding units)."""
    towards: tuple[int, str] | None = None
    """Second direction, as PLACE:WORD: the token at PLACE becomes WORD (empty: a random direction)."""
    points: int = Field(default=41, ge=3, le=201, json_schema_extra={"handy": [11, 61, 10]})
    """Points of the grid, each way; odd, so that the middle is X itself."""
    extent: float = Field(default=1.5, gt=0, le=100, json_schema_extra={"handy": [1.0, 4.0, 0.5]})
    """How far the plane reaches, in ε: half its width; 1 ends at the ball's edge."""
    paths: tuple[str, ...] = PATHS
    """Methods whose ascent is drawn."""
    steps: int = Field(default=ASCENT_STEPS, ge=1, le=50)
    """K, the ascent steps."""
    site: SiteName = EMBEDDINGS
    """Where δ enters: embeddings, or layer:N, the hidden states that go into block N (from 0)."""

    @field_validator("points")
    @classmethod
    def _odd(cls, given: int) -> int:
        if given % 2 == 0:
            raise ValueError(f"The number of points must be odd, from 3 to 201, but it is {given}.")
        return given

    @field_validator("towards", mode="before")
    @classmethod
    def _place_and_word(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        place, _, word = given.partition(":")
        if not place.isdecimal() or not word:
            raise ValueError(f"towards takes PLACE:WORD, such as 3:bad, but it is {given[:40]!r}.")
        return int(place), word


@analysis("landscape", "The loss around a sentence", LandscapeSettings, many=True)
def landscape(classifier: Classifier, asked: LandscapeSettings, progress: Progress = None) -> Landscape:
    """The plane spanned by the adversarial direction u and a second one v, orthogonal to it.

    u is where PGD stands after `steps` steps at ε. v is random, or leads to a word: `towards=(place, word)` moves the
    token at `place` towards the word's embedding (made orthogonal to u).

    Raises:
        UserError: a label out of range, a word that is not one token.
    """
    epsilon, steps, seed, points = asked.epsilon, asked.steps, asked.seed, asked.points
    encoded = asked.encoded(classifier)
    batch = encoded.batch
    labels, _ = resolve_label(classifier, asked.label, batch)
    batch["labels"] = labels
    model = classifier.model
    followed = {
        name: climb(classifier.at_radius(name, epsilon, steps, site=asked.site), model, batch, steps=steps, seed=seed)
        for name in asked.paths
        if asked.site == EMBEDDINGS or get_method(name).takes_sites()
    }
    pgd = at_radius("pgd", epsilon, steps, site=asked.site)
    best = followed.get("pgd") or climb(pgd, model, batch, steps=steps, seed=seed)
    u = unit_example(best[-1].delta)
    embedded = PerturbedBatch(model, batch, site=asked.site)
    if asked.towards is None:
        second = example_noise(embedded.mask, embedded.keys(), embedded.like, seed=seed + 1, normal=True)
    else:
        second = _towards_word(classifier, embedded, *asked.towards)
    v = unit_example(second - (second * u).sum() * u)

    def height(logits: Tensor, labels: Tensor) -> Tensor:
        return logits[:, 0] if classifier.is_regression else margins(logits, labels)

    axis = torch.linspace(-asked.extent * epsilon, asked.extent * epsilon, points)
    axis[points // 2] = 0.0
    grid = torch.cartesian_prod(axis, axis).to(u)  # (b, a), a runs fastest.
    losses, heights = [], []
    with torch.no_grad():
        for start in range(0, len(grid), BATCH):
            part = grid[start : start + BATCH]
            rows = {name: tensor.expand(len(part), *tensor.shape[1:]) for name, tensor in batch.items()}
            grid_batch = PerturbedBatch(model, rows, site=asked.site)
            moved = part[:, 1, None, None] * u + part[:, 0, None, None] * v
            logits = grid_batch.forward(moved, ascent=False).logits
            losses.append(grid_batch.losses(logits))
            heights.append(height(logits, labels.expand(len(part))))
            told(progress, start + BATCH, len(grid))
    return Landscape(
        axis=axis.tolist(),
        loss=torch.cat(losses).view(points, points).tolist(),
        margin=torch.cat(heights).view(points, points).tolist(),
        paths={
            name: [
                {
                    "a": float((point.delta * u).sum()),
                    "b": float((point.delta * v).sum()),
                    "off": float((point.delta - (point.delta * u).sum() * u - (point.delta * v).sum() * v).norm()),
                    "loss": float(point.loss[0]),
                    "margin": float(height(point.logits, labels)[0]),
                    "norm": float(point.delta.norm()),
                }
                for point in path
            ]
            for name, path in followed.items()
        },
        epsilon=epsilon,
        tokens=classifier.tokenizer.convert_ids_to_tokens(encoded.ids.tolist()),
        label=labels[0].item(),
        horizontal="adversarial direction u",
        vertical="random direction v" if asked.towards is None else f"direction v towards {asked.towards[1]!r}",
        truncated=encoded.truncated,
        site=asked.site,
    )
