"""An attack that changes real words of one text: candidates, constraints and a search over them."""

from dataclasses import dataclass

from engine.errors import UserError
from engine.lexicon.candidates import Candidates
from engine.lexicon.closed_class import STOP_WORDS
from engine.progress import Progress, told
from engine.robustness.infill import Infill
from engine.robustness.searches import SEARCHES
from engine.robustness.text import Limits, State, sentence_similarity, split
from engine.robustness.victim import Victim
from engine.subjects.classifier import Classifier


@dataclass(frozen=True)
class Attacked:
    """One example after an attack.

    Attributes:
        before: the text.
        after: the text after the attack.
        changes: (place of the word, old, new).
        label: number of the right class.
        said: number of the predicted class.
        said_after: the same after the attack.
        probability: of the label.
        probability_after: the same after the attack.
        similarity: cosine of the sentence embeddings.
        queries: texts that the model was asked about.
        success: the prediction left the label (it was right before).
    """

    before: str
    after: str
    changes: list[tuple[int, str, str]]
    label: int
    said: int
    said_after: int
    probability: float
    probability_after: float
    similarity: float
    queries: int

    @property
    def success(self) -> bool:
        """Whether a right prediction became a wrong one."""
        return self.said == self.label and self.said_after != self.label

    def verdict(self) -> str:
        """What became of a text of one's own, in a sentence."""
        took = f"{self.queries} {'query' if self.queries == 1 else 'queries'}"
        if not self.success:
            return f"no allowed change of words that was tried turns the answer ({took})."
        words = "1 word turns" if len(self.changes) == 1 else f"{len(self.changes)} words turn"
        return f"{words} the answer (similarity {self.similarity:.2f}, {took}). Does it still mean the same?"


def attack_text(
    classifier: Classifier,
    text: str,
    label: int,
    candidates: Candidates,
    *,
    search: str = "greedy",
    limits: Limits | None = None,
    pair: str | None = None,
    seed: int = 0,
    fills: Infill | None = None,
    progress: Progress = None,
) -> Attacked:
    """Look for a few words whose change turns the prediction away from the label.

    Args:
        candidates: what a word may become (unless the search has candidates of its own).
        search: the name of one.
        pair: a second sentence. fills: what may stand at each place, for a contextual search. progress: is told how many of the
            questions that the limits allow have been asked, the last of them at the latest.

    Raises:
        UserError: an unknown search, or a text without words.
    """
    chosen = SEARCHES.get(search)
    limits = limits or Limits()
    words, gaps = split(text)
    if not words:
        raise UserError("The text has no words to change.")
    most = limits.queries_per_word * len(words)
    victim = Victim(classifier, pair, lambda count: told(progress, count, most))
    start = victim([text])[0]
    state = State(words, gaps, label)
    if int(start.argmax()) == label:
        choose = chosen.candidates or candidates
        there = (
            fills(state) if fills and chosen.contextual else {place: choose(word) for place, word in enumerate(words)}
        )
        options = {
            place: found
            for place, found in there.items()
            if not (limits.keep_stop_words and words[place].lower() in STOP_WORDS)
        }
        chosen.run(victim, state, {place: found for place, found in options.items() if found}, text, limits, seed)
    after = state.text()
    end = victim([after])[0] if state.changes else start
    similarity = sentence_similarity(text, [after])[0] if state.changes else 1.0
    return Attacked(
        text, after, [(place, *state.changes[place]) for place in sorted(state.changes)], label, int(start.argmax()),
        int(end.argmax()), float(start[label]), float(end[label]), similarity, victim.queries,
    )  # fmt: skip
