"""The searches of the word attacks, one file each: they ask the model about whole texts and stop when the label falls."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.lexicon.candidates import Candidates
from engine.registry import Registry
from engine.robustness.text import Limits, State, sentence_similarity
from engine.robustness.victim import Victim

# victim, state (changed in place), place → what the word there may become, the text, limits, seed.
Run = Callable[[Victim, State, dict[int, list[str]], str, Limits, int], None]


@dataclass(frozen=True)
class Search:
    """A search. `candidates`: what a word may become, if the search decides that itself; None: similar words. `contextual`: a masked
    language model says what may stand at each place.
    """

    name: str
    year: int
    run: Run
    candidates: Candidates | None = None
    contextual: bool = False


SEARCHES: Registry[Search] = Registry("attack", __name__)


def search(name: str, year: int) -> Callable[[Run], Run]:
    """Register a function as a search."""

    def register(function: Run) -> Run:
        SEARCHES.add(Search(name, year, function))
        return function

    return register


def budget(state: State, limits: Limits) -> int:
    """How many words may be changed."""
    return max(1, int(limits.most_changed * len(state.words)))


def affordable(victim: Victim, state: State, limits: Limits, wanted: int) -> int:
    """How many of `wanted` more texts the model may be asked about; one is left for the end."""
    return max(0, min(wanted, limits.queries_per_word * len(state.words) - 1 - victim.queries))


def allowed(text: str, others: list[str], limits: Limits) -> list[bool]:
    """Which of some changed texts are similar enough to the text."""
    return [value >= limits.least_similar for value in sentence_similarity(text, others)]
