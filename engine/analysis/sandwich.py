"""Both sides: what is certain at least, and what an attack leaves at most. The truth lies between."""

from dataclasses import dataclass

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.analysis.robust_accuracy import Radii
from engine.ascent import climb
from engine.progress import Progress, part_of
from engine.robustness.attacks.apgd_margin import MarginAPGD
from engine.robustness.certificates import Question
from engine.robustness.certificates.gaussian import radius_of, said_under_noise
from engine.robustness.certificates.votes import vote
from engine.robustness.smoothed import falls_at, smoothed_end
from engine.robustness.victim import Victim
from engine.settings import CONFIG
from engine.sites import EMBEDDINGS, SiteName, said_at
from engine.statistics import binomial_interval, binomial_low, rounded_up
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class SandwichSettings(Sample):
    """A sample, the noise of the certificate, and the attack."""

    limit: int | None = Field(default=10, ge=1, le=2**31 - 1)
    """How many examples: a fixed random sample of the split (empty: all)."""
    epsilons: Radii = (0.0, 0.05, 0.1, 0.2, 0.4)
    """Radii ε, separated by commas (Frobenius norm per sentence, embedding units)."""
    sigma: float = Field(default=0.05, gt=0, le=1e6)
    """Standard deviation σ of the noise on every number (embedding units)."""
    samples: int = Field(default=200, ge=10, le=1_000_000)
    """Votes per text (500 for a closer look, 5,000 for a study)."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Probability of a wrong certificate, or of a wrong fall, at most, per text."""
    steps: int = Field(default=8, ge=1, le=200)
    """K, the number of ascent steps of the attack."""
    site: SiteName = EMBEDDINGS
    """Where noise and δ enter: embeddings, or layer:N, the hidden states that go into block N (from 0)."""


@dataclass(frozen=True)
class SandwichPoint:
    """At one ε: the share of the examples that are certified, and of those that are not shown to fall, both of the smoothed
    classifier; `clean`: to whose label the votes lean; `undecided`: whose votes show nothing, so that they are neither certified nor
    seen to fall. `model_attacked`: what the attack leaves of the model itself.
    """

    epsilon: float
    certified: float
    attacked: float
    clean: float
    model_attacked: float
    undecided: float


@dataclass(frozen=True)
class Sandwiched:
    """One example. `radius`: certified, 0 if nothing is; `flips`: the smallest ε of the grid at which the attack fells the
    smoothed classifier, None if none does; `right`: whether its votes lean to the label; `wrong`: whether they show another class;
    `undecided`: whether they show no class at all.
    """

    text: str
    label: str
    right: bool
    wrong: bool
    undecided: bool
    radius: float
    flips: float | None


@dataclass(frozen=True)
class Sandwich(Result):
    """`curve`: a point per ε, rising; `sentences`: in the sample's order. `sigma`: of the smoothed classifier. `most`: the largest
    radius that so many votes can certify, whatever the text.
    """

    origin: str
    curve: list[SandwichPoint]
    sentences: list[Sandwiched]
    sigma: float
    alpha: float
    most: float
    site: str = EMBEDDINGS

    def text(self) -> str:
        """A row per ε."""
        rows = [
            (f"{at.epsilon:g}", f"{at.certified:.3f}", f"{at.attacked:.3f}", f"{at.model_attacked:.3f}")
            for at in self.curve
        ]
        head = (
            f"{self.origin}{said_at(self.site)}\n\nCertified and attacked: of the smoothed classifier (σ = {self.sigma:g}); the truth lies"
            f" between. Last column: the model itself.\nThese votes can certify radii up to {rounded_up(self.most)} at most, whatever the"
            f" text.\n{said_of_votes(self.alpha, self.curve[0].undecided, len(self.sentences))}\n\n"
        )
        return head + columns(rows, ("epsilon", "certified", "attacked", "attacked, the model itself"))


@analysis("sandwich", "Between two bounds", SandwichSettings, needs="classes", many=True)
def sandwich(classifier: Classifier, asked: SandwichSettings, progress: Progress = None) -> Sandwich:
    """Certificate and attack of the smoothed classifier, which answers with what the model says most often under noise.

    Both are of that one classifier, or the one would not bound the other. An example is certified at ε if its votes give the
    label with a radius larger than ε; it falls at ε if a δ inside the ball makes the votes give something else. One that falls at a
    smaller ε has fallen at every larger one.
    """
    table = asked.table(classifier)
    pairs = table["text_pair"].tolist() if "text_pair" in table else [None] * len(table)
    rows, itself = [], []
    for place, (text, label, pair) in enumerate(zip(table["text"], table["label"], pairs, strict=True)):
        question = Question(
            classifier,
            text,
            pair,
            samples=asked.samples,
            alpha=asked.alpha,
            sigma=asked.sigma,
            site=asked.site,
            seed=asked.seed,
        )
        row, own = _one(question, int(label), asked, part_of(progress, place, len(table)))
        rows.append(row)
        itself.append(own)
    count = len(rows)

    def share(flags: list[bool]) -> float:
        return sum(flags) / count

    curve = [
        SandwichPoint(
            epsilon,
            share([row.right and (row.radius > epsilon or (epsilon == 0 and row.radius > 0)) for row in rows]),
            share([not row.wrong and (row.flips is None or row.flips > epsilon) for row in rows]),
            share([row.right for row in rows]),
            share([own is None or own > epsilon for own in itself]),
            share([row.undecided for row in rows]),
        )
        for epsilon in asked.epsilons
    ]  # fmt: skip
    most = radius_of(binomial_low(asked.samples, asked.samples, asked.alpha), asked.sigma)
    return Sandwich(classifier.origin, curve, rows, asked.sigma, asked.alpha, most, asked.site)


def _one(
    question: Question, label: int, asked: SandwichSettings, progress: Progress
) -> tuple[Sandwiched, float | None]:
    """One example of the smoothed classifier; and the smallest ε of the grid at which the model itself falls."""
    classifier = question.classifier
    batch = dict(Victim(classifier, question.pair).encode([question.text]))
    votes = vote(said_under_noise(question, batch), asked.samples, asked.alpha, progress)
    right = votes.prediction == label
    wrong = not right and not votes.abstained
    flips: float | None = None
    own = 0.0 if int(classifier.logits(batch).argmax()) != label else None
    labelled = {**batch, "labels": batch["input_ids"].new_tensor([label])}
    tries = 2 * len(asked.epsilons)
    for epsilon in filter(None, asked.epsilons):
        ends = []
        if own is None:
            attack = MarginAPGD(epsilon, asked.steps, site=asked.site)
            path = climb(attack, classifier.model, labelled, steps=asked.steps)
            own = epsilon if any(int(point.logits.argmax()) != label for point in path) else None
            ends.append(path[-1].delta)
        if not wrong and flips is None:
            ends.append(smoothed_end(question, batch, label, epsilon, asked.steps))
            flips = epsilon if any(falls_at(question, batch, end, label, tries) for end in reversed(ends)) else None
    radius = radius_of(votes.p_low, asked.sigma)
    undecided, name = votes.abstained, classifier.labels[label]
    return Sandwiched(question.text, name, right, wrong, undecided, radius if right else 0.0, flips), own


def said_of_votes(alpha: float, undecided: float, count: int) -> str:
    """What must be said of accuracies between two bounds: how sure they are, and of how much."""
    return (
        f"Each certificate, and each fall, holds with probability {1 - alpha:g}. The votes of {undecided:.1%} of the {count} examples show no"
        f" class: these are not certified, and count as standing under the attack. {sampling(count)}"
    )


def sampling(count: int) -> str:
    """How far so few examples leave an accuracy open, in a sentence: the exact interval in the middle."""
    low, high = binomial_interval(count // 2, count)
    return f"Were {count // 2} of {count} examples right, the accuracy of all could be anywhere from {low:.2f} to {high:.2f} (95 %)."
