"""SMART's inner maximisation as the paper writes it, and as its published code does it, on the same examples."""

from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from engine.analysis import Result, analysis
from engine.analysis.smoothness import SmoothnessSettings, at_worst, climbs
from engine.methods.smart import SMART
from engine.perturbation import token_norms
from engine.progress import Progress, told
from engine.subjects.classifier import Classifier, precise
from engine.tables import columns

VARIANTS = ("paper", "code")


@dataclass(frozen=True)
class Followed:
    """What one of the two does. `length`: ‖δ^i‖ of a token (median), in embedding units; `moved`: ℓₛ where it ends, example by example."""

    length: float
    moved: list[float]


@dataclass(frozen=True)
class SmoothnessVariants(Result):
    """`followed`: by variant, with otherwise equal `settings`."""

    origin: str
    settings: dict[str, Any]
    followed: dict[str, Followed]

    def text(self) -> str:
        """A row per variant, and the sentence."""
        rows = [(name, f"{each.length:.3g}", f"{fmean(each.moved):.3g}") for name, each in self.followed.items()]
        return f"{self.origin}\n\n{columns(rows, ('followed', '‖δ^i‖', 'mean ℓₛ'))}\n\n{self.verdict()}\n"

    def verdict(self) -> str:
        """How far apart the two are."""
        paper, code = (self.followed[name] for name in VARIANTS)
        times = f"{code.length / paper.length:,.0f} times as long" if paper.length else "not zero, as the paper's is"
        return (
            f"At ε = {self.settings['epsilon']} a token's δ by the published code is {times}: there the largest entry of every token"
            " is brought to 1, and ε bounds nothing."
        )


@analysis("smoothness variants", "SMART's δ: paper and code", SmoothnessSettings)
def smoothness_variants(
    classifier: Classifier, asked: SmoothnessSettings, progress: Progress = None
) -> SmoothnessVariants:
    """`divergences` of a sample with either."""
    table = asked.table(classifier)
    methods = [SMART(**{**asked.settings, "variant": variant}) for variant in VARIANTS]
    lengths: list[list[float]] = [[] for _ in VARIANTS]
    moved = [[0.0] * len(table) for _ in VARIANTS]
    done = 0
    for places, embedded, ends in climbs(precise(classifier), table, methods, seed=asked.seed):
        for at, end in enumerate(ends):
            lengths[at] += token_norms(end.delta)[embedded.attention.bool()].tolist()
            for place, value in zip(places, at_worst(embedded, end).tolist(), strict=True):
                moved[at][place] = value
        done += len(places)
        told(progress, done, len(table))
    found = {name: Followed(median(lengths[at]), moved[at]) for at, name in enumerate(VARIANTS)}
    settings = {name: value for name, value in asked.settings.items() if name != "variant"}
    return SmoothnessVariants(classifier.origin, settings, found)
