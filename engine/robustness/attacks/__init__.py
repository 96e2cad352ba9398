"""The attacks in embedding space, one file each: what is climbed inside the ball of radius ε, and with which steps.

All follow the loop `engine.ascent.climb`. `worst` is what several of them find together, example by example.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from engine.ascent import Point, climb
from engine.errors import known
from engine.methods.passes import Pass, PerturbedBatch
from engine.methods.pgd import PGD as PGDMethod
from engine.perturbation import example_noise, unit_example
from engine.registry import Registry
from engine.sites import EMBEDDINGS
from engine.subjects.classifier import Classifier

STANDARD = "standard"  # The worst over the others, per example.


class Attack(PGDMethod):
    """A climb inside the ball ‖δ‖_F ≤ ε around X, of every example by itself.

    Args:
        epsilon: ε, in the site's units.
        steps: K.
        seed: None: from δ = 0. Else from a random point of the ball's surface, drawn from this seed.
        site: where δ enters.
        options: of a variant (see `variants`).
    """

    summary: ClassVar[str]
    on_cross_entropy: ClassVar[bool] = (
        True  # With two classes its slope is the margin's, times a factor that can vanish.
    )

    def __init__(
        self, epsilon: float, steps: int, *, seed: int | None = None, site: str = EMBEDDINGS, **options: Any
    ) -> None:
        super().__init__(epsilon=epsilon, site=site)
        self.epsilon, self.steps, self.start_seed, self.options = epsilon, max(steps, 1), seed, options

    @classmethod
    def variants(cls, classes: int) -> list[dict[str, Any]]:
        """What it is tried with, one after the other, on a model of so many classes; []: it has nothing to add there."""
        return [{}]

    def first(self, batch: PerturbedBatch) -> Tensor:
        """δ_0, `[B, L, D]`."""
        if self.start_seed is None:
            return torch.zeros_like(batch.like)
        noise = example_noise(batch.mask, batch.keys(), batch.like, seed=self.start_seed, normal=True)
        return self.epsilon * unit_example(noise)

    def value(self, logits: Tensor, batch: PerturbedBatch) -> Tensor:
        """What is climbed, per example, `[B]` (default: the task's loss)."""
        return batch.losses(logits)

    def ascent_objective(self, batch: PerturbedBatch) -> Callable[[Pass], Tensor]:
        """`value`; the last one stays in `seen`, for steps that depend on it."""

        def climbed(at: Pass) -> Tensor:
            found = self.value(at.logits, batch)
            self.seen = found.detach()
            return found

        return climbed

    def total(self, state: Any) -> Tensor:
        """δ, without what else the attack keeps."""
        delta: Tensor = state[0]
        return delta


ATTACKS: Registry[type[Attack]] = Registry("attack in embedding space", __name__)


def fallen(attack: Attack, classifier: Classifier, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
    """Whether the attack changes the prediction away from the label at any of its points, `[B]` on the CPU; and how many
    queries that took: passes of the model, times examples.
    """
    down, asked = torch.zeros(len(batch["labels"]), dtype=torch.bool), 0

    def all_down(point: Point) -> bool:
        nonlocal down, asked
        down = down | (point.logits.argmax(dim=-1) != batch["labels"]).cpu()
        asked += len(down)
        return bool(down.all())

    climb(attack, classifier.model, batch, steps=attack.steps if attack.epsilon else 0, until=all_down)
    return down, asked


def named(name: str, classes: int) -> list[type[Attack]]:
    """The attacks that a name means on a model of so many classes: one, or (`standard`) all that differ there.

    With two classes those on the cross-entropy climb where those on the margin do, unless their slope vanishes.

    Raises:
        UserError: there is none of that name.
    """
    if name != STANDARD:
        return [ATTACKS.get(known(ATTACKS.kind, name, [*ATTACKS.names(), STANDARD]))]
    return [each for each in ATTACKS.all() if each.variants(classes) and not (classes == 2 and each.on_cross_entropy)]


def _known(name: str) -> str:
    named(name, 2)
    return name


# A setting: the name of an attack, or `standard`.
AttackName = Annotated[
    str,
    AfterValidator(_known),
    Field(json_schema_extra={"enum": [*(name.replace("_", " ") for name in ATTACKS.modules()), STANDARD]}),
]


def worst(
    attacks: Sequence[type[Attack]],
    classifier: Classifier,
    batch: Mapping[str, Tensor],
    epsilon: float,
    steps: int,
    *,
    restarts: int = 1,
    seed: int = 0,
    site: str = EMBEDDINGS,
    **options: Any,
) -> tuple[Tensor, int]:
    """Which examples any of the attacks fells, `[B]` on the CPU, and the queries; what one has felled the next ones leave.

    Args:
        restarts: climbs of each attack: the first from δ = 0, the others from random points, by `seed` and their number.
        options: of the attacks.
    """
    down, asked = torch.zeros(len(batch["labels"]), dtype=torch.bool), 0
    for attack in attacks:
        for variant in attack.variants(len(classifier.labels)):
            for restart in range(restarts if epsilon else 1):
                holding = (~down).nonzero()[:, 0]
                if not len(holding):
                    return down, asked
                part = {key: tensor[holding.to(tensor.device)] for key, tensor in batch.items()}
                start = seed + restart if restart else None
                found, queries = fallen(
                    attack(epsilon, steps, seed=start, site=site, **options, **variant), classifier, part
                )
                down[holding] |= found
                asked += queries
    return down, asked
