"""Attacks that change real words: candidates, constraints and the searches over them.

A search asks the model about whole texts, many at once, and stops when the prediction leaves the label:

- `greedy`: words in the order of what the label's probability loses without them, each replaced by the candidate that lowers
  it most (as TextFooler, Jin et al. 2020, and PWWS, Ren et al. 2019).
- `hotflip`: the first-order estimate (e(candidate) - e(word)) · ∇L chooses the swap (Ebrahimi et al. 2018).
- `typos`: letters of the most important words are swapped, dropped or doubled.
- `random`: random words, random candidates, as many as the others may change: what chance does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.analysis.classifier import Classifier
from engine.errors import UserError, known
from engine.objectives.segmentation import word_spans
from engine.robustness.searches import Victim, greedy, hotflip, random_swaps
from engine.robustness.text import STOP_WORDS, Candidates, Limits, State, sentence_similarity, split, typos

SEARCHES = ("greedy", "hotflip", "typos", "random")


@dataclass(frozen=True)
class Attacked:
    """One example after an attack.

    Attributes:
        before, after: the texts. changes: (place of the word, old, new). label, said, said_after: class numbers.
        probability, probability_after: of the label. similarity: cosine of the sentence embeddings.
        queries: texts that the model was asked about. success: the prediction left the label (it was right before).
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
) -> Attacked:
    """Look for a few words whose change turns the prediction away from the label.

    Args:
        candidates: what a word may become (ignored by `typos`). search: one of `SEARCHES`. pair: a second sentence.

    Raises:
        UserError: a regression model, an unknown search, or a text without words.
    """
    known("attack", search, list(SEARCHES))
    limits = limits or Limits()
    victim = Victim(classifier, pair)
    words, gaps = split(text)
    if not words:
        raise UserError("The text has no words to change.")
    start = victim([text])[0]
    state = State(words, gaps, label)
    if int(start.argmax()) == label:
        choose = typos if search == "typos" else candidates
        options = {
            place: choose(word)
            for place, word in enumerate(words)
            if not (limits.keep_stop_words and word.lower() in STOP_WORDS)
        }
        run = {"greedy": greedy, "typos": greedy, "hotflip": hotflip, "random": random_swaps}[search]
        run(victim, state, {place: found for place, found in options.items() if found}, text, limits, seed)
    after = state.text()
    end = victim([after])[0] if state.changes else start
    similarity = sentence_similarity(text, [after])[0] if state.changes else 1.0
    return Attacked(
        text, after, [(place, *state.changes[place]) for place in sorted(state.changes)], label, int(start.argmax()),
        int(end.argmax()), float(start[label]), float(end[label]), similarity, victim.queries,
    )  # fmt: skip


def attack_table(
    classifier: Classifier,
    texts: Sequence[str],
    labels: Sequence[int],
    candidates: Candidates,
    *,
    pairs: Sequence[str] | None = None,
    search: str = "greedy",
    limits: Limits | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Attacked]:
    """`attack_text` on many."""
    found = []
    for place, (text, label) in enumerate(zip(texts, labels, strict=True)):
        if word_spans(text):
            found.append(
                attack_text(
                    classifier, text, int(label), candidates, search=search, limits=limits,
                    pair=None if pairs is None else pairs[place], seed=seed,
                )
            )  # fmt: skip
        if progress is not None:
            progress(place + 1, len(texts))
    return found


def summary(found: Sequence[Attacked]) -> dict[str, float]:
    """`accuracy` and `after_attack` (shares of all), `success` (of those right before), `words_changed` (mean share of the
    words of successful ones), `similarity` (their mean), `queries` (mean of those right before).
    """
    right = [each for each in found if each.said == each.label]
    won = [each for each in right if each.success]
    count = max(1, len(found))

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else 0.0

    return {
        "examples": float(len(found)),
        "accuracy": len(right) / count,
        "after_attack": (len(right) - len(won)) / count,
        "success": len(won) / max(1, len(right)),
        "words_changed": mean([len(each.changes) / len(split(each.before)[0]) for each in won]),
        "similarity": mean([each.similarity for each in won]),
        "queries": mean([float(each.queries) for each in right]),
    }
