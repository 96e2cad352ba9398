"""Masking of a corpus."""

from collections.abc import Sequence

from app.drawing import figures
from app.drawing.shown import Figure
from app.views import VIEWS, Views
from engine.analysis.masking_statistics import MaskingStatistics
from engine.objectives.masking import NGRAM_SHARES

view = VIEWS.add(
    Views(
        "masking statistics", "macbert", part="A corpus", prefix="mask-", names={"seed": "draw", "model": "tokenizer"}
    )
)


@view("kinds", "What became of the selected words")
def kinds(found: MaskingStatistics, *, replace_share: float = 0.8, random_share: float = 0.1) -> Figure:
    """Shares beside those asked for."""
    asked = {"replaced": replace_share, "random": random_share, "kept": 1 - replace_share - random_share}
    groups = {"here": found.kinds, "asked for": asked}
    return Figure(figures.bars(groups, "what became of a selected word", "share"))


@view("ngrams", "Words per n-gram")
def ngrams(found: MaskingStatistics, *, paper: Sequence[float] = NGRAM_SHARES) -> Figure:
    """Shares of n-gram lengths beside the paper's."""
    lengths = {"here": found.ngrams, "paper": dict(enumerate(paper, 1))}
    named = {group: {str(n): share for n, share in values.items()} for group, values in lengths.items()}
    return Figure(figures.bars(named, "words in the n-gram", "share of n-grams"))
