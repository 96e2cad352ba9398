"""Edited variants of a sentence side by side: what is said of each, and how far an adversary has to go."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.analysis.flip import flip_radius
from engine.analysis.trace import Trace, follow
from engine.progress import Progress, told
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.sentences import Ascent, Text
from engine.tables import columns

MOST = 12
FLIP_STEPS = 5


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class VariantsSettings(Ascent):
    """A sentence, its variants, and the method that climbs on each."""

    others: list[str] = Field(default_factory=list, max_length=MOST - 1, json_schema_extra={"repeated": True})
    """An edited variant of the sentence, at most 11 of them."""

    @field_validator("others")
    @classmethod
    def _have_words(cls, given: list[str]) -> list[str]:
        return [Text(text=each).text for each in given]


@dataclass(frozen=True)
class Variant:
    """One text. `said`: the class (or score) before the ascent, `sure`: its probability; `said_after`: after it; `flip_epsilon`: the
    smallest ε at which PGD changes the class, by bisection (None: none up to 8, or a score).
    """

    text: str
    said: str
    sure: float
    said_after: str
    flip_epsilon: float | None
    trace: Trace


@dataclass(frozen=True)
class Variants(Result):
    """`variants`: the sentence first, then the others in their order."""

    origin: str
    variants: list[Variant]

    def document(self) -> dict[str, Any]:
        """Every text with what is said of it, and ‖δ‖ of its tokens after the last step."""
        rows = [
            {name: value for name, value in vars(each).items() if name != "trace"}
            | {"tokens": each.trace.tokens, "token_norms": each.trace.token_norms[-1]}
            for each in self.variants
        ]
        return {"origin": self.origin, "variants": rows}

    def text(self) -> str:
        """A row per text."""
        rows = [
            (each.text[:60], f"{each.said} ({each.sure:.3f})", each.said_after, flip_of(each)) for each in self.variants
        ]
        return f"{self.origin}\n\n" + columns(rows, ("text", "said", "after the ascent", "flips at ε"))


def flip_of(variant: Variant) -> str:
    """The flip ε in words."""
    return "–" if variant.flip_epsilon is None else f"{variant.flip_epsilon:.3f}"


@analysis("variants", "Variants of a sentence", VariantsSettings)
def variants(classifier: Classifier, asked: VariantsSettings, progress: Progress = None) -> Variants:
    """The method's ascent on every text, against the same label where one is given, and the ε at which PGD flips it.

    Raises:
        UserError: a label out of range, or settings that the method has not.
    """
    texts = list(dict.fromkeys([asked.text, *asked.others]))
    found = []
    for place, text in enumerate(texts):
        sentence = Ascent(
            text=text, text_pair=asked.text_pair, label=asked.label, seed=asked.seed, method=asked.method, settings=asked.settings
        )  # fmt: skip
        trace = follow(classifier, sentence.adversary(classifier), sentence)
        flip = None
        if not classifier.is_regression:
            batch = sentence.encoded(classifier).batch
            flip = flip_radius(classifier, "pgd", batch, steps=FLIP_STEPS, seed=asked.seed)
        (said, sure), (after, _) = (_said(classifier, trace.probabilities[at]) for at in (0, -1))
        found.append(Variant(text, said, sure, after, flip, trace))
        told(progress, place + 1, len(texts))
    return Variants(classifier.origin, found)


def _said(classifier: Classifier, output: list[float]) -> tuple[str, float]:
    if classifier.is_regression:
        return f"{output[0]:.3f}", output[0]
    top = max(range(len(output)), key=output.__getitem__)
    return str(classifier.labels[top]), output[top]
