"""Whether attributions are faithful: what becomes of the output without the tokens that they name, beside a random order."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isclose
from typing import Any

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.analysis import Result, analysis
from engine.analysis.attribution import ALGORITHMS, attribute
from engine.anatomy import word_embeddings
from engine.ascent import climb
from engine.errors import UserError
from engine.methods.passes import PerturbedBatch
from engine.perturbation import token_norms
from engine.progress import Progress, told
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.sentences import Ascent, resolve_label
from engine.tables import columns

SHARES = (0.05, 0.1, 0.2, 0.5)  # Of the tokens; DeYoung et al. 2020 also take 1 %, which of a sentence is no token.
BATCH = 32
RANDOM = "random"
SCORES = ("comprehensiveness", "sufficiency", "area")
MOVED = "moved most by"  # The order of the adversary.
FEW = ": so few say little"  # Of random orders.


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class FaithfulnessSettings(Ascent):
    """A sentence, and the method whose order is one of those compared."""

    points: int = Field(default=20, ge=1, le=1000)
    """Points of the integral (integrated gradients), or samples (gradient SHAP)."""
    draws: int = Field(default=20, ge=2, le=1000)
    """Random orders, for comparison."""


@dataclass(frozen=True)
class Order:
    """One order of the tokens, the most important first.

    Attributes:
        order: places of the tokens.
        without: `[N + 1]`, the label's probability without the first 0, 1, … N tokens.
        only: `[N + 1]`, the same with nothing but them.
        comprehensiveness: what the probability loses without the first tokens, mean over `SHARES`: large is faithful.
        sufficiency: what it loses with nothing but them: small is faithful.
        area: mean of `without`: small is faithful.
    """

    order: list[int]
    without: list[float]
    only: list[float]
    comprehensiveness: float
    sufficiency: float
    area: float


@dataclass(frozen=True)
class Faithfulness(Result):
    """`orders`: by name; `random`: those drawn by chance. `tokens`: those that were ordered, without special ones."""

    origin: str
    label: str
    tokens: list[str]
    orders: dict[str, Order]
    random: list[Order]
    truncated: bool

    def better(self, name: str) -> float:
        """The share of the random orders whose comprehensiveness is smaller than that of an order; one that is the same is half of one."""
        own = self.orders[name].comprehensiveness
        beaten = [
            0.5 if isclose(each.comprehensiveness, own, abs_tol=1e-6) else float(each.comprehensiveness < own)
            for each in self.random
        ]
        return sum(beaten) / len(self.random)

    def by_chance(self) -> dict[str, float]:
        """The means of the random orders, by the name of the score."""
        return {name: float(np.mean([getattr(each, name) for each in self.random])) for name in SCORES}

    def document(self) -> dict[str, Any]:
        """All fields, and the share of the random orders that each one beats."""
        return {**asdict(self), "better_than_random": {name: self.better(name) for name in self.orders}}

    def text(self) -> str:
        """A row per order."""
        rows = [
            (name, *(f"{getattr(each, score):.3f}" for score in SCORES), f"{self.better(name):.0%}")
            for name, each in self.orders.items()
        ]
        chance = (f"{mean:.3f}" for mean in self.by_chance().values())
        rows.append((f"{RANDOM}, mean of {len(self.random)}", *chance, ""))
        return (
            f"{self.origin}\n\nOf P({self.label}). Faithful: large comprehensiveness, small sufficiency, small area. Beats random: the share of"
            f" {len(self.random)} random orders with smaller comprehensiveness, equal ones by half{FEW * (len(self.random) < 20)}.\n\n"
            + columns(rows, ("order", *SCORES, "beats random"))
        )


@analysis("faithfulness", "Faithful or not?", FaithfulnessSettings, needs="classes", many=True)
def faithfulness(classifier: Classifier, asked: FaithfulnessSettings, progress: Progress = None) -> Faithfulness:
    """Take tokens away in the order of each attribution, of the adversary, and by chance (DeYoung et al. 2020, ERASER).

    A token that is taken away gets the padding token's embedding, the baseline of the attributions; special tokens stay.

    Raises:
        UserError: fewer than two tokens that are not special.
    """
    encoded = asked.encoded(classifier)
    batch = encoded.batch
    label = resolve_label(classifier, asked.label, batch)[0]
    ids = encoded.ids.tolist()
    free = [at for at, token in enumerate(ids) if token not in set(classifier.tokenizer.all_special_ids)]
    if len(free) < 2:
        raise UserError(f"To be ordered, a text must have at least two tokens, but it has {len(free)}.")
    target, parts = int(label[0]), len(ALGORITHMS) + asked.draws + 1
    scores: dict[str, list[float]] = {}
    for name in ALGORITHMS:
        scores[name] = attribute(
            classifier, batch, None, name, target=target, steps=asked.points, seed=asked.seed
        ).values  # fmt: skip
        told(progress, len(scores), parts)
    method = asked.adversary(classifier)
    steps = getattr(method.settings, "ascent_steps", 1)
    delta = climb(method, classifier.model, {**batch, "labels": label}, steps=steps, seed=asked.seed)[-1].delta
    scores[f"{MOVED} {method.title}"] = token_norms(delta)[0].tolist()
    orders = {
        name: order_of(classifier, batch, sorted(free, key=lambda at: -values[at]), target)
        for name, values in scores.items()
    }
    chance, drawn = np.random.default_rng(asked.seed), []
    for draw in range(asked.draws):
        drawn.append(order_of(classifier, batch, [free[at] for at in chance.permutation(len(free))], target))
        told(progress, len(scores) + draw + 1, parts)
    tokens = classifier.tokenizer.convert_ids_to_tokens([ids[at] for at in free])
    return Faithfulness(classifier.origin, classifier.labels[target], tokens, orders, drawn, encoded.truncated)


def order_of(classifier: Classifier, batch: dict[str, Tensor], order: Sequence[int], target: int) -> Order:
    """What the probability of class `target` becomes when tokens are taken away, or kept, in an order."""
    count = len(order)
    without = torch.ones(count + 1, batch["input_ids"].shape[1], dtype=torch.bool)
    only = torch.ones_like(without)
    only[:, list(order)] = False
    for first in range(count + 1):
        without[first, list(order[:first])] = False
        only[first, list(order[:first])] = True
    found = kept_probabilities(classifier, batch, torch.cat([without, only]), target)
    left, alone = found[: count + 1], found[count + 1 :]
    places = [max(1, round(share * count)) for share in SHARES]
    return Order(
        list(order), left, alone, float(np.mean([left[0] - left[at] for at in places])),
        float(np.mean([left[0] - alone[at] for at in places])), float(np.mean(left)),
    )  # fmt: skip


def kept_probabilities(classifier: Classifier, batch: dict[str, Tensor], kept: Tensor, target: int) -> list[float]:
    """P(target) of one example where the tokens that are not `kept` `[N, L]` are blank, `[N]`."""
    look_up, ids = word_embeddings(classifier.model), batch["input_ids"]
    with torch.no_grad():
        away = look_up(torch.full_like(ids, classifier.tokenizer.pad_token_id or 0)) - look_up(ids)
    found: list[float] = []
    for start in range(0, len(kept), BATCH):
        part = kept[start : start + BATCH].to(away.device)
        rows = {name: each.expand(len(part), *each.shape[1:]) for name, each in batch.items()}
        rows["labels"] = ids.new_full((len(part),), target)
        with torch.no_grad():
            logits = PerturbedBatch(classifier.model, rows).forward(away * ~part[..., None], ascent=False).logits
        found += logits.softmax(dim=-1)[:, target].tolist()
    return found
