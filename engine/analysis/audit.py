"""Whether an attack in embedding space can be believed: a card of checks, and a verdict."""

from dataclasses import dataclass

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.errors import UserError
from engine.progress import Progress, told
from engine.robustness.attacks import STANDARD, AttackName
from engine.robustness.checks import PARTS, Audited, Check, Seen, card, look
from engine.settings import CONFIG
from engine.sites import EMBEDDINGS, SiteName, said_at
from engine.subjects.classifier import Classifier
from engine.subjects.references import load_subject
from engine.subjects.samples import Sample, batches

BATCH = 32


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class AuditSettings(Sample):
    """A sample and the attack that is audited."""

    limit: int | None = Field(default=30, ge=1, le=2**31 - 1)
    """How many examples: a fixed random sample of the split (empty: all)."""
    attack: AttackName = STANDARD
    """pgd, margin, apgd, apgd margin, targeted, square (without gradients), or standard: the worst over all of them."""
    epsilon: float = Field(default=0.2, gt=0, le=1e6)
    """Radius ε of the ball (Frobenius norm per sentence, embedding units)."""
    steps: int = Field(default=20, ge=2, le=200)
    """K, the number of ascent steps (APGD's paper: 100)."""
    restarts: int = Field(default=1, ge=1, le=20)
    """Climbs per example: the first from δ = 0, the others from random points."""
    site: SiteName = EMBEDDINGS
    """Where δ enters: embeddings, or layer:N, the hidden states that go into block N (from 0)."""
    transfer_from: str = ""
    """Another model (a name, a folder or run:RUN) of the same vocabulary and width, whose climbs are tried too."""


@dataclass(frozen=True)
class Audit(Result):
    """An attack's card.

    Attributes:
        checks: each with whether it passed, what was seen, and what it would mean if it failed.
        believed: whether all passed of which something can be said.
        verdict: in words.
        clean: accuracy without an attack.
        attacked: accuracy under the attack.
        strongest: accuracy under all that was tried together, the longer attacks included.
        examples: how many there were.
    """

    origin: str
    attack: str
    epsilon: float
    checks: list[Check]
    believed: bool
    verdict: str
    clean: float
    attacked: float
    strongest: float
    examples: int
    site: str = EMBEDDINGS

    def text(self) -> str:
        """A line per check, and what a failed one means."""
        words = {True: "passed", False: "FAILED", None: "no say"}
        lines = []
        for check in self.checks:
            lines.append(f"{words[check.passed]}: {check.name} ({check.seen})")
            if check.passed is False:
                lines.append(f"        {check.means}")
        return f"{self.origin}{said_at(self.site)}\n\n" + "\n".join(lines) + f"\n\n{self.verdict}"


@analysis("audit", "Can the attack be believed?", AuditSettings, needs="classes", many=True)
def audit(classifier: Classifier, asked: AuditSettings, progress: Progress = None) -> Audit:
    """Look at the attack on the examples of a sample that the model gets right.

    Raises:
        UserError: the model gets none of them right, or the other model's vectors do not fit.
    """
    other = load_subject("classifier", asked.transfer_from) if asked.transfer_from else None
    if other is not None:
        if other.fingerprint == classifier.fingerprint:
            raise UserError(
                f"transfer_from {asked.transfer_from[:80]} is the model that is audited: choose another one."
            )
        check_same_vectors(classifier, other)
    table = asked.table(classifier)
    of = Audited(asked.attack, asked.epsilon, asked.steps, asked.restarts, asked.seed, asked.site)
    seen, right, parts, total = Seen(), 0, 0, PARTS * -(-len(table) // BATCH)

    def done() -> None:
        nonlocal parts
        parts += 1
        told(progress, parts, total)

    for _, batch in batches(classifier, table, BATCH):
        good = classifier.logits(batch).argmax(dim=-1) == batch["labels"]
        right += int(good.sum())
        if good.any():
            look(seen, classifier, {name: tensor[good] for name, tensor in batch.items()}, of, other, done)
    if not right:
        raise UserError("The model gets none of these examples right: there is nothing for an attack to change.")
    checks = card(seen, of)
    inside = torch.tensor([down for name, down in seen.down.items() if name != "unbounded"])  # The ball.
    strongest = (right - int(inside.any(dim=0).sum())) / len(table)
    attacked = (right - sum(seen.down["itself"])) / len(table)
    failed = [check for check in checks if check.passed is False]
    return Audit(
        classifier.origin, asked.attack, asked.epsilon, checks, not failed,
        verdict_of(asked, len(checks), failed, attacked, strongest) + of_few(right), right / len(table), attacked, strongest, len(table),
        asked.site,
    )  # fmt: skip


def verdict_of(asked: AuditSettings, count: int, failed: list[Check], attacked: float, strongest: float) -> str:
    """In a sentence or two."""
    under = f"{asked.attack}, {asked.steps} steps, ε = {asked.epsilon:g}"
    if not failed:
        return (
            f"Nothing speaks against this attack ({under}): an accuracy of {attacked:.3f} is what it leaves. It stays an upper"
            " bound of the truth: no check can show that nothing stronger exists."
        )
    return (
        f"Do not believe this attack ({under}): {len(failed)} of {count} checks failed. Its accuracy of {attacked:.3f} says"
        f" little; all that was tried together leaves {strongest:.3f}."
    )


def of_few(count: int) -> str:
    """A remark where one example more or less is more than a point."""
    if count >= 100:
        return ""
    return f" Seen on {count} examples, of which a single one is {1 / count:.0%}: a check that one of them decides is a hint."


def check_same_vectors(classifier: Classifier, other: Classifier) -> None:
    """Check that a δ of one model means something for the other.

    Raises:
        UserError: another vocabulary, or vectors of another length.
    """
    same = classifier.tokenizer.get_vocab() == other.tokenizer.get_vocab()
    if not same or classifier.model.config.hidden_size != other.model.config.hidden_size:
        raise UserError(
            "A perturbation of one model means nothing for another vocabulary, or vectors of another length; two runs of one encoder"
            f" have the same. Of the one: {other.origin.rstrip('.')}. Of the other: {classifier.origin.rstrip('.')}."
        )
