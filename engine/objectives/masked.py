"""A masked batch, and what became of each of its selected words."""

from dataclasses import dataclass, field

from torch import Tensor

from engine.lexicon.closed_class import STOP_WORDS


@dataclass
class Choice:
    """One selected word: where, what became of it and why.

    Attributes:
        row: of the batch.
        positions: of its tokens in the row.
        ngram: how many words its n-gram has.
        first: whether it begins one.
        before: the word, as text.
        after: what the model sees instead, as text.
        kind: mask, similar, random, kept.
        degraded: similar was wanted, none was there: a function word, or no neighbour near enough with as many tokens.
        similarity: cosine, for similar words.
    """

    row: int
    positions: list[int]
    ngram: int
    first: bool
    before: str
    after: str
    kind: str
    degraded: bool = False
    similarity: float | None = None

    @property
    def how(self) -> str:
        """What became of it, in words: its kind, and why a random word stands where a similar one was wanted."""
        if not self.degraded:
            return self.kind
        return f"{self.kind} ({'function word' if self.before.lower() in STOP_WORDS else 'no similar word'})"


@dataclass
class Masked:
    """A masked batch: `input_ids` [B, L] as the model sees it, `labels` [B, L] (-100 where nothing is predicted).

    `choices` and `units` (words that could have been selected; tokens under `original`) only where described.
    """

    input_ids: Tensor
    labels: Tensor
    choices: list[Choice] = field(default_factory=list)
    units: int = 0
