"""Whose adversarial texts fool whom: word attacks on each model, shown to every other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.analysis.word_attack import WordAttack, WordAttackSettings, word_attack
from engine.errors import UserError
from engine.progress import Progress, told
from engine.robustness.victim import Victim
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.references import load_subject
from engine.tables import columns

MOST_MODELS = 8


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class TransferSettings(WordAttackSettings):
    """Models, a sample, a search and its limits."""

    text: Literal[None] = None
    """Not here: it is of a data set's texts."""
    label: Literal[""] = ""
    """Not here either."""
    models: tuple[str, ...]
    """Two to eight models, with commas between: names, folders, or run:RUN."""
    limit: int | None = Field(default=30, ge=1, le=2**31 - 1)
    """How many examples: a fixed random sample of the split (empty: all)."""

    @field_validator("models")
    @classmethod
    def _several(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if not 2 <= len(set(given)) == len(given) <= MOST_MODELS:
            raise ValueError(
                f"models must be 2 to {MOST_MODELS} different ones, with commas between, but they are {', '.join(given)[:80]!r}."
            )
        return given


@dataclass(frozen=True)
class Transfer(Result):
    """A matrix, source × target.

    Attributes:
        models: their references. origins: what they are, for people.
        texts: `[M]`, the adversarial texts that were found on each source.
        shown: `[M][M]`, those among them whose original the target gets right.
        fooled: `[M][M]`, the share of these that fool the target; None where none was shown.
    """

    models: list[str]
    origins: list[str]
    texts: list[int]
    shown: list[list[int]]
    fooled: list[list[float | None]]

    def text(self) -> str:
        """A row per source."""
        rows = [
            (
                model,
                str(texts),
                *(
                    "-" if share is None else f"{round(share * count)} of {count}"
                    for share, count in zip(row, shown, strict=True)
                ),
            )
            for model, texts, row, shown in zip(self.models, self.texts, self.fooled, self.shown, strict=True)
        ]
        return (
            "How many of the texts found on a row's model fool a column's: of those whose original the column's model gets right.\n\n"
        ) + columns(rows, ("found on", "texts", *self.models))


@analysis("transfer", "Whose adversarial texts fool whom", TransferSettings, needs="nothing", many=True)
def transfer(nothing: None, asked: TransferSettings, progress: Progress = None) -> Transfer:
    """Attack every model, then show what was found to all.

    Raises:
        UserError: fewer than two models, one without classes, or models of other classes.
    """
    models = [load_subject("classifier", each) for each in asked.models]
    check_same_classes(models)
    plain = {name: value for name, value in asked.as_dict().items() if name != "models"}
    found = []
    for place, classifier in enumerate(models):
        found.append(word_attack(classifier, WordAttackSettings.checked(plain)))
        told(progress, place + 1, len(models))
    pairs = [[_shown(one, source, target) for target in models] for source, one in zip(models, found, strict=True)]
    return Transfer(
        list(asked.models), [each.origin for each in models], [len(_won(one)) for one in found],
        [[shown for shown, _ in row] for row in pairs],
        [[fooled / shown if shown else None for shown, fooled in row] for row in pairs],
    )  # fmt: skip


def _won(found: WordAttack) -> list[Any]:
    return [each for each in found.examples if each.success]


def _shown(found: WordAttack, source: Classifier, target: Classifier) -> tuple[int, int]:
    """How many of the texts' originals the target gets right, and how many of these fool it."""
    won = _won(found)
    if not won:
        return 0, 0
    labels = [target.labels.index(source.labels[each.label]) for each in won]
    victim = Victim(target)
    before, after = (
        victim(texts).argmax(dim=-1).tolist() for texts in ([e.before for e in won], [e.after for e in won])
    )
    right = [(said, label) for was, said, label in zip(before, after, labels, strict=True) if was == label]
    return len(right), sum(said != label for said, label in right)


def check_same_classes(models: Sequence[Classifier]) -> None:
    """Check that every model chooses one of the same classes for a single text.

    Raises:
        UserError: one does not.
    """
    for each in models:
        if each.is_regression or each.tags:
            raise UserError(f"{each.origin[:80]}: classes are needed; choose a classifier of whole texts.")
        if set(each.labels) != set(models[0].labels):
            raise UserError(
                f"{each.origin[:80]} has the classes {', '.join(each.labels)[:80]}, {models[0].origin[:80]} has"
                f" {', '.join(models[0].labels)[:80]}: a text can fool only models of the same classes."
            )
        if each.pairs:
            raise UserError(f"{each.origin[:80]} is a model of pairs; choose models of single texts.")
