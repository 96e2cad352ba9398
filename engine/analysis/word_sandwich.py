"""Both sides for changed words: how many are certain to leave the answer, and how many an attack needs to change it."""

from dataclasses import dataclass

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.analysis.sandwich import said_of_votes
from engine.data.segmentation import language_of
from engine.errors import UserError
from engine.lexicon.candidates import similar_candidates
from engine.lexicon.similar import similar_words
from engine.progress import Progress, part_of
from engine.robustness.certificates import Question
from engine.robustness.certificates.ablation import ablation
from engine.robustness.masked import changes_in_order, smallest_fall
from engine.robustness.searches.greedy import greedy
from engine.robustness.text import split
from engine.robustness.victim import Victim
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class WordSandwichSettings(Sample):
    """A sample, the masks of the certificate, and the attack."""

    limit: int | None = Field(default=10, ge=1, le=2**31 - 1)
    """How many examples: a fixed random sample of the split (empty: all)."""
    keep: float = Field(default=0.15, gt=0, lt=1)
    """Share of the words that a random mask keeps: the fewer, the more words a certificate can cover."""
    samples: int = Field(default=200, ge=10, le=1_000_000)
    """Votes per text (500 for a closer look, 5,000 for a study)."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Probability of a wrong certificate, or of a wrong fall, at most, per text."""
    most_words: int = Field(default=5, ge=1, le=50)
    """Changed words that the attack tries at most."""
    candidates: int = Field(default=12, ge=1, le=24)
    """Similar words that the attack tries for each word."""
    similar: str = ""
    """Similar words: en, zh or a word2vec file; empty: by the language of the texts."""


@dataclass(frozen=True)
class WordSandwichPoint:
    """With so many changed words: the share of the examples that are certified, and of those that are not shown to fall, both
    of the smoothed classifier; `clean`: to whose label the votes lean; `undecided`: whose votes show nothing, so that they are neither
    certified nor seen to fall. `model_attacked`: what the attack leaves of the model itself.
    """

    words: int
    certified: float
    attacked: float
    clean: float
    model_attacked: float
    undecided: float


@dataclass(frozen=True)
class WordSandwiched:
    """One example. `radius`: words that are covered, whatever becomes of them (None: not even the label is
    shown to have most votes); `flips`: the fewest changed words with which the
    attack fells the smoothed classifier, None if none does; `right`: whether its votes lean to the label; `wrong`: whether they show
    another class; `undecided`: whether they show no class at all; `words`: of the text.
    """

    text: str
    label: str
    right: bool
    wrong: bool
    undecided: bool
    radius: int | None
    flips: int | None
    words: int


@dataclass(frozen=True)
class WordSandwich(Result):
    """`curve`: a point per number of words, rising; `sentences`: in the sample's order, those of fewer than two words left out
    (`left_out`). `keep`: of the smoothed classifier.
    """

    origin: str
    curve: list[WordSandwichPoint]
    sentences: list[WordSandwiched]
    keep: float
    alpha: float
    left_out: int

    def text(self) -> str:
        """A row per number of words."""
        rows = [
            (str(at.words), f"{at.certified:.3f}", f"{at.attacked:.3f}", f"{at.model_attacked:.3f}")
            for at in self.curve
        ]
        head = (
            f"{self.origin}\n\nCertified and attacked: of the smoothed classifier (masks keep {self.keep:g} of the words); the truth"
            f" lies between. Last column: the model itself.\n"
            f"{said_of_votes(self.alpha, self.curve[0].undecided, len(self.sentences))}\n\n"
        )
        return head + columns(rows, ("changed words", "certified", "attacked", "attacked, the model itself"))


@analysis("word sandwich", "Between two bounds, in words", WordSandwichSettings, needs="classes", many=True)
def word_sandwich(classifier: Classifier, asked: WordSandwichSettings, progress: Progress = None) -> WordSandwich:
    """Certificate (randomized ablation) and attack of the classifier that answers with what the model says most often of masks.

    The certificate covers any change of r words; the attack puts similar words in their place, and its texts are put to the
    votes. An example that falls with r changed words has fallen with every larger number.

    Raises:
        UserError: no text of at least two words, or a tokenizer without a mask token.
    """
    table = asked.table(classifier)
    texts = table["text"].tolist()
    pairs = table["text_pair"].tolist() if "text_pair" in table else [None] * len(texts)
    sets = similar_candidates(similar_words(asked.similar or language_of(" ".join(texts[:100]))), asked.candidates)
    rows, itself, left_out = [], [], 0
    for place, (text, label, pair) in enumerate(zip(texts, table["label"].tolist(), pairs, strict=True)):
        if len(split(text)[0]) < 2:
            left_out += 1
            continue
        question = Question(
            classifier, text, pair, sets, samples=asked.samples, alpha=asked.alpha, keep=asked.keep, seed=asked.seed
        )
        rows.append(_one(question, int(label), asked.most_words, part_of(progress, place, len(texts))))
        itself.append(_own_fall(question, int(label), asked.most_words))
    if not rows:
        raise UserError("Randomized ablation needs texts of at least two words: there is none in this sample.")

    def share(flags: list[bool]) -> float:
        return sum(flags) / len(rows)

    curve = [
        WordSandwichPoint(
            words,
            share([row.radius is not None and row.radius >= words for row in rows]),
            share([not row.wrong and (row.flips is None or row.flips > words) for row in rows]),
            share([row.right for row in rows]),
            share([own is None or own > words for own in itself]),
            share([row.undecided for row in rows]),
        )
        for words in range(asked.most_words + 1)
    ]  # fmt: skip
    return WordSandwich(classifier.origin, curve, rows, asked.keep, asked.alpha, left_out)


def _one(question: Question, label: int, most: int, progress: Progress) -> WordSandwiched:
    found = ablation(question, progress)
    right = found.prediction == label
    wrong = not right and not found.abstained
    flips = None if wrong else smallest_fall(greedy, question, label, most)
    name = question.classifier.labels[label]
    return WordSandwiched(
        question.text,
        name,
        right,
        wrong,
        found.abstained,
        int(found.radius) if right and not found.abstained else None,
        flips,
        found.words,
    )


def _own_fall(question: Question, label: int, most: int) -> int | None:
    """The changed words with which the same search fells the model itself; 0 if it is wrong before."""
    victim = Victim(question.classifier, question.pair)
    if int(victim([question.text])[0].argmax()) != label:
        return 0
    texts, fallen = changes_in_order(victim, greedy, question, label, most)
    return len(texts) if fallen else None
