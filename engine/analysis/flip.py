"""At which ε each method's ascent changes the prediction of one sentence."""

from dataclasses import dataclass

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.analysis import Result, analysis
from engine.ascent import Point, climb
from engine.methods import perturbing
from engine.progress import Progress, told
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.sentences import Sentence
from engine.tables import columns

MOST = 8.0  # ε at which the search ends.


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class FlipSettings(Sentence):
    """A sentence and K."""

    steps: int = Field(default=5, ge=1, le=50)
    """K, the ascent steps."""


@dataclass(frozen=True)
class Flips(Result):
    """`flip_epsilon`: by method, the smallest ε found (Frobenius, embedding units); None: the label holds up to 8."""

    origin: str
    flip_epsilon: dict[str, float | None]

    def text(self) -> str:
        """A row per method."""
        rows = [(name, "never" if at is None else f"{at:.4f}") for name, at in self.flip_epsilon.items()]
        return columns(rows, ("method", "flips at ε"))


@analysis("flip", "The ε at which a label flips", FlipSettings, needs="classes")
def flip(classifier: Classifier, asked: FlipSettings, progress: Progress = None) -> Flips:
    """The ε at which every method's ascent changes the prediction, by bisection."""
    batch = asked.encoded(classifier).batch
    names = perturbing()
    found = {}
    for place, name in enumerate(names):
        found[name] = flip_radius(classifier, name, batch, steps=asked.steps, seed=asked.seed)
        told(progress, place + 1, len(names))
    return Flips(classifier.origin, found)


def flip_radius(
    classifier: Classifier,
    name: str,
    batch: dict[str, Tensor],
    *,
    steps: int = 5,
    most: float = MOST,
    rounds: int = 8,
    seed: int = 0,
) -> float | None:
    """The smallest ε at which the method's ascent on one example changes the prediction, by bisection.

    Args:
        batch: of one example.
        steps: K.
        most: the largest ε looked at; None is returned if the label holds until there.
        rounds: of bisection; the error is at most 2^-rounds of the ε found, or of most/512 below that.
    """
    predicted = classifier.logits(batch).argmax(-1)
    own = {**batch, "labels": predicted}

    def is_other(point: Point) -> bool:
        return bool(point.logits.argmax(-1) != predicted)

    def flips(epsilon: float) -> bool:
        method = classifier.at_radius(name, epsilon, steps)
        return is_other(climb(method, classifier.model, own, steps=steps, seed=seed, until=is_other)[-1])

    # Flipping need not be monotone in ε: the first flip of a doubling ε is what bisection narrows down.
    low, high = 0.0, most / 512
    while not flips(high):
        low, high = high, 2 * high
        if high > most:
            return None
    for _ in range(rounds):
        middle = (low + high) / 2
        low, high = (low, middle) if flips(middle) else (middle, high)
    return high
