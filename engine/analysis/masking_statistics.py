"""What a masking strategy does to a corpus: its shares, beside which the paper's stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.analysis.masking import HowToMask, masker_of
from engine.data.segmentation import encode_words, language_of
from engine.data.sources import load_texts
from engine.models import load_tokenizer
from engine.objectives.collator import MaskingCollator
from engine.objectives.masked import Masked
from engine.objectives.masking import MaskingSettings
from engine.progress import Progress, told
from engine.settings import CONFIG

BATCH = 64


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class MaskingOfCorpus(HowToMask):
    """A data set, and how it is masked."""

    dataset: str
    """The data set whose training texts are masked."""
    limit: int = Field(default=1000, ge=1, le=2**31 - 1)
    """How many texts are masked, counted from the first."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of everything random."""


@dataclass(frozen=True)
class MaskingStatistics(Result):
    """Shares of words: see `statistics`. `texts`: how many were masked."""

    units: int
    selected: int
    share: float
    ngrams: dict[int, float]
    kinds: dict[str, float]
    degraded: float
    texts: int


@analysis("masking statistics", "Masking of a corpus", MaskingOfCorpus, needs="nothing")
def masking_statistics(nothing: None, asked: MaskingOfCorpus, progress: Progress = None) -> MaskingStatistics:
    """Shares over the first `limit` training texts of a data set."""
    texts = load_texts(asked.dataset)["train"][: asked.limit]
    language = language_of(" ".join(texts[:100]))
    tokenizer = load_tokenizer(asked.encoder(language))
    masker = masker_of(MaskingSettings.parse(asked.settings), tokenizer, asked.similar, language, progress)
    collator = MaskingCollator(masker)
    found: list[Masked] = []
    for start in range(0, len(texts), BATCH):
        batch = collator.pad([encode_words(tokenizer, text) for text in texts[start : start + BATCH]])
        found.append(masker.mask(batch["input_ids"], batch["word_ids"], seed=asked.seed + start, describe=True))
        told(progress, start + BATCH, len(texts))
    return MaskingStatistics(**statistics(found), texts=len(texts))


def statistics(masked: Sequence[Masked]) -> dict[str, Any]:
    """Shares over described batches, beside which the paper's stand: words masked, n-gram lengths, kinds."""
    choices = [choice for each in masked for choice in each.choices]
    total = max(1, len(choices))
    firsts = [choice.ngram for choice in choices if choice.first]
    wanted = ("replaced", "random", "kept")
    kinds = dict.fromkeys(wanted, 0)
    for choice in choices:
        kinds["replaced" if choice.kind in ("mask", "similar") or choice.degraded else choice.kind] += 1
    return {
        "units": sum(each.units for each in masked),
        "selected": len(choices),
        "share": len(choices) / max(1, sum(each.units for each in masked)),
        "ngrams": {n: sum(length == n for length in firsts) / max(1, len(firsts)) for n in (1, 2, 3, 4)},
        "kinds": {name: count / total for name, count in kinds.items()},
        "degraded": sum(choice.degraded for choice in choices) / total,
    }
