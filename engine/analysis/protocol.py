"""Word attacks under the limits that papers share (TextDefender, Li et al. 2021), all searches in one table."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.analysis.word_attack import WordAttack, WordAttackSettings, said_of_number, word_attack
from engine.progress import Progress, part_of
from engine.robustness.text import Limits
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample
from engine.tables import columns

SEARCHED = ("greedy", "pwws", "hotflip", "typos", "contextual")
ANY_WORD = "greedy, any similar word"  # Opposites too, as the published protocol allows.


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class ProtocolSettings(Sample, Limits):
    """A sample and the protocol's limits: its own values are the defaults."""

    limit: int | None = Field(default=30, ge=1, le=2**31 - 1)
    """How many examples: a fixed random sample of the split (papers: 1,000; empty: all)."""
    least_similar: float = Field(default=0.84, ge=-1, le=1)
    """Smallest cosine of the sentence embeddings (built-in encoder) before and after."""
    candidates: int = Field(default=50, ge=1, le=50)
    """Words that are tried for each word."""
    similar: str = ""
    """Similar words: en, zh or a word2vec file; empty: by the language of the texts."""
    language_model: str = ""
    """contextual: an ELECTRA or MacBERT run, or a masked language model (empty: the ready-made ELECTRA generator)."""


@dataclass(frozen=True)
class Protocol(Result):
    """`attacks`: by the name of the search; the last one without regard to meaning. `lost`: how many of its successes the search with
    regard to meaning does not have.
    """

    origin: str
    attacks: dict[str, WordAttack]
    limits: dict[str, Any]
    lost: int

    def document(self) -> dict[str, Any]:
        """The summaries; the examples of every search."""
        return {
            "origin": self.origin,
            "limits": self.limits,
            "lost": self.lost,
            "attacks": {name: each.document() for name, each in self.attacks.items()},
        }

    def text(self) -> str:
        """A row per search."""
        named = ("accuracy", "after_attack", "success", "words_changed", "similarity", "queries")
        rows = [(name, *(said_of_number(each.summary[key]) for key in named)) for name, each in self.attacks.items()]
        examples = len(next(iter(self.attacks.values())).examples)
        limits = ", ".join(f"{name} {value}" for name, value in self.limits.items())
        return (
            f"{self.origin}\n\n{examples} examples; {limits}\n\n"
            + columns(rows, ("search", *named))
            + f"\n\n{self.verdict()}\n"
        )

    def verdict(self) -> str:
        """What looking at the meaning takes away."""
        won = sum(each.success for each in self.attacks[ANY_WORD].examples)
        if not won:
            said = "Greedy search does not succeed, opposites allowed."
        elif self.attacks["greedy"].remark:
            said = ""  # Nothing was left out.
        else:
            said = (
                f"Greedy search with any similar word: successes {won}, of which {self.lost} go away without opposites and words of another"
                " part of speech."
            )
        remarks = {each.remark: name for name, each in reversed(self.attacks.items()) if each.remark}
        return " ".join(filter(None, [said, *(f"{name}: {remark}" for remark, name in reversed(remarks.items()))]))


@analysis("protocol", "The protocol of the papers", ProtocolSettings, needs="classes", many=True)
def protocol(classifier: Classifier, asked: ProtocolSettings, progress: Progress = None) -> Protocol:
    """Every search on the same examples.

    Raises:
        UserError: as `word_attack`.
    """
    plain = asked.as_dict()
    wanted = [(name, name, asked.keep_meaning) for name in SEARCHED] + [(ANY_WORD, "greedy", False)]
    found: dict[str, WordAttack] = {}
    for at, (name, search, kept) in enumerate(wanted):
        how = WordAttackSettings.checked({**plain, "search": search, "keep_meaning": kept})
        found[name] = word_attack(classifier, how, part_of(progress, at, len(wanted)))
    won = {each.before for each in found["greedy"].examples if each.success}
    lost = sum(each.success and each.before not in won for each in found[ANY_WORD].examples)
    limits = {name: plain[name] for name in Limits.names()}
    return Protocol(classifier.origin, found, limits, lost)
