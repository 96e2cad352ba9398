"""Every method's ascent on one sentence, in the same ball."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.analysis.trace import Trace, follow
from engine.methods import perturbing
from engine.progress import Progress, told
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.sentences import Sentence


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class SideBySideSettings(Sentence):
    """A sentence, ε and K."""

    epsilon: float = Field(default=0.5, gt=0, le=1e6)
    """Radius ε of the ball that δ stays in (Frobenius norm per sentence, embedding units)."""
    steps: int = Field(default=5, ge=1, le=50)
    """K, the ascent steps of every method."""


@dataclass(frozen=True)
class SideBySide(Result):
    """`traces`: by method (see `Trace`)."""

    traces: dict[str, Trace]

    def document(self) -> dict[str, Any]:
        """The traces' documents by method."""
        return {name: each.document() for name, each in self.traces.items()}

    def text(self) -> str:
        """One trace after another."""
        return "\n\n".join(f"{name}\n{each.text()}" for name, each in self.traces.items())


@analysis("side by side", "Methods side by side", SideBySideSettings)
def side_by_side(classifier: Classifier, asked: SideBySideSettings, progress: Progress = None) -> SideBySide:
    """One trace per method, all at the same ε."""
    names = perturbing()
    found = {}
    for place, name in enumerate(names):
        method = classifier.at_radius(name, asked.epsilon, asked.steps, asked.seed)
        found[name] = follow(classifier, method, asked, asked.steps)
        told(progress, place + 1, len(names))
    return SideBySide(found)
