"""Bounds by intervals, on a small teaching model: trained plainly, and so that its bounds are tight (IBP training)."""

from dataclasses import dataclass, field

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.analysis import Result, analysis
from engine.data.marks import collapsed, one_class_share, said_of
from engine.data.segmentation import language_of
from engine.data.segmentation import words as words_of
from engine.data.sources import load_dataset
from engine.errors import UserError
from engine.lexicon.candidates import similar_candidates
from engine.lexicon.similar import SimilarWords, similar_words
from engine.progress import Progress, told
from engine.robustness.intervals import BagOfWords, Texts, attacked, indexed, train
from engine.settings import CONFIG
from engine.subjects.samples import Sample, margins, sampled, split_of
from engine.tables import columns

PLAIN, ROBUST = "plain training", "interval training"
TRAINED_ON = 4000  # Texts, at most.
MOST_WORDS = 200  # Of the text that is shown.


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class IntervalsSettings(Sample):
    """A data set to train on and to be tried on, and how many similar words a word may become."""

    limit: int | None = Field(default=200, ge=1, le=2**31 - 1)
    """How many examples are tried (of the split; empty: all)."""
    candidates: int = Field(default=2, ge=1, le=24)
    """Similar words that each word may become in training; fewer and more are tried."""
    weight: float = Field(default=0.3, ge=0, le=1)
    """Share κ of the loss that is on the bounds: the larger, the more is certain, until the model says one class to everything."""
    text: str = ""
    """A text of one's own whose margins are bounded (empty: the first example)."""
    similar: str = ""
    """Similar words: en, zh or a word2vec file; empty: by the language of the texts."""


@dataclass(frozen=True)
class IntervalPoint:
    """Accuracies of one model where every word may become one of so many similar words: certified by intervals, and left by an
    attack.
    """

    trained: str
    candidates: int
    clean: float
    certified: float
    attacked: float


@dataclass(frozen=True)
class MarginBound:
    """Of one text and model: the margin of its own answer (its logit less the largest other), the least that an attack finds,
    and the lower bound. Below 0 the answer is another.
    """

    trained: str
    candidates: int
    margin: float
    attacked: float
    bound: float


@dataclass(frozen=True)
class Intervals(Result):
    """`curve`: both models, each with a rising number of candidates. `sentence`: the same of one text, `shown`; `left_out`: its words
    without a vector. `vectors`: where the
    words' vectors are from. `texts`: trained on. `examples`: tried. `marks`: by the way of training, why a model says nothing of the
    texts (see `data.marks.collapsed`); only those that have collapsed.
    """

    dataset: str
    vectors: str
    texts: int
    examples: int
    curve: list[IntervalPoint]
    shown: str
    sentence: list[MarginBound]
    marks: dict[str, str]
    left_out: list[str] = field(default_factory=list)

    def text(self) -> str:
        """A row per model and number of candidates."""
        rows = [
            (at.trained, str(at.candidates), f"{at.clean:.3f}", f"{at.certified:.3f}", f"{at.attacked:.3f}")
            for at in self.curve
        ]
        head = (
            f"A bag of word vectors ({self.vectors}) and a two-layer network, trained on {self.texts:,} texts of {self.dataset},"
            f" tried on {self.examples:,}; the truth lies between certified and attacked.\n\n"
        )
        found = columns(rows, ("model", "similar words", "clean", "certified", "attacked"))
        return head + found + "".join(f"\n{said}" for said in self.warnings())

    def warnings(self) -> list[str]:
        """What must be said of a model that has collapsed, in sentences."""
        return [said_of(mark).replace("This model", f"The model of {name}", 1) for name, mark in self.marks.items()]


@analysis("intervals", "Bounds by intervals", IntervalsSettings, needs="nothing")
def intervals(subject: None, asked: IntervalsSettings, progress: Progress = None) -> Intervals:
    """Train the two models, then bound and attack both with ever more similar words.

    Raises:
        UserError: the data have no classes, are pairs or tags, no word has a vector, or the text has no words.
    """
    data = load_dataset(asked.dataset)
    if data.task.kind != "classification" or data.task.tags or data.is_pair:
        raise UserError(f"{asked.dataset}: the teaching model needs single texts with classes.")
    all_of = split_of(data, asked.dataset, asked.split)
    tables = [sampled(data.splits["train"], TRAINED_ON), sampled(all_of, asked.limit)]
    source = similar_words(asked.similar or language_of(" ".join(tables[0]["text"].head(100))))
    vectors = _vectors(source)
    seen = [_known(table["text"].tolist(), table["label"].tolist(), source) for table in tables]
    if not all(texts for texts, _ in seen):
        raise UserError(
            f"No text of {asked.dataset} has a word with a vector ({source.name}): choose similar words of its language."
        )
    own = asked.text.strip() or next(
        text for text in tables[1]["text"] if any(word.lower() in source.place for word in words_of(text))
    )
    shown = _known([own], [0], source)[0]
    left_out = [word for word in words_of(own) if word.lower() not in source.place]
    if not shown:
        raise UserError("The text has no word with a vector.")
    if len(shown[0]) > MOST_WORDS:
        raise UserError(f"The text has {len(shown[0]):,} words: at most {MOST_WORDS} are bounded.")
    (texts, labels), (tried, labels_tried) = seen
    rows, right = torch.tensor(labels), torch.tensor(labels_tried)
    counts = sorted({0, 1, 2, 4, 8, asked.candidates})
    ways = {count: indexed(tried, similar_candidates(source, count), source.place) for count in counts}
    ways_shown = {count: indexed(shown, similar_candidates(source, count), source.place) for count in counts}
    trained_on = indexed(texts, similar_candidates(source, asked.candidates), source.place)
    curve, sentence, marks, done = [], [], {}, 0
    # Whether a model has collapsed is seen on the whole split: a few examples more or less are chance.
    every, labels_every = _known(all_of["text"].tolist(), all_of["label"].tolist(), source)
    whole, right_whole = indexed(every, similar_candidates(source, 0), source.place), torch.tensor(labels_every)
    for name in (PLAIN, ROBUST):
        with torch.random.fork_rng():
            torch.manual_seed(asked.seed)
            model = BagOfWords(vectors, data.task.num_labels)
        train(
            trained_on, rows, model, weight=asked.weight if name == ROBUST else 0.0, seed=asked.seed, progress=progress
        )
        said = model(whole).argmax(dim=-1)
        accuracy = float((said == right_whole).float().mean())
        if mark := collapsed(accuracy, one_class_share(right_whole), one_class_share(said)):
            marks[name] = mark
        standing, least = torch.ones(len(right), dtype=torch.bool), float("inf")
        for count in counts:  # Rising: what falls with few similar words falls with more, which are those and others.
            point, standing = _point(name, model, count, ways[count], right, standing)
            curve.append(point)
            sentence.append(one := _margin(name, model, count, ways_shown[count], least))
            least = one.attacked
            told(progress, done := done + 1, 2 * len(counts))
    return Intervals(asked.dataset, source.name, len(texts), len(tried), curve, own, sentence, marks, left_out)


def _vectors(source: SimilarWords) -> Tensor:
    """The words' vectors `[V, D]`, every number with mean 0 and deviation 1 over the words: the network learns faster."""
    table = torch.from_numpy(source.vectors)
    return (table - table.mean(dim=0)) / table.std(dim=0).clamp_min(1e-6)


def _known(texts: list[str], labels: list[int], source: SimilarWords) -> tuple[list[list[str]], list[int]]:
    """The words with vectors of every text that has any, and its label."""
    found = [[word for word in words_of(text) if word.lower() in source.place] for text in texts]
    kept = [(words, int(label)) for words, label in zip(found, labels, strict=True) if words]
    return [words for words, _ in kept], [label for _, label in kept]


def _point(
    name: str, model: BagOfWords, count: int, texts: Texts, labels: Tensor, standing: Tensor
) -> tuple[IntervalPoint, Tensor]:
    """One point, and which texts the attack leaves; `standing`: those that it left with fewer similar words, `[N]`."""
    right = model(texts).argmax(dim=-1) == labels
    certain = model.bound(texts, labels) > 0
    left = torch.tensor(
        [
            stands and attacked(model, texts[slice(at, at + 1)], int(labels[at]))[1] > 0
            for at, stands in enumerate((right & standing).tolist())
        ]
    )
    return IntervalPoint(name, count, *(float(each.float().mean()) for each in (right, certain, left))), left


def _margin(name: str, model: BagOfWords, count: int, text: Texts, least: float) -> MarginBound:
    logits = model(text)
    label = logits.argmax(dim=-1)
    return MarginBound(
        name,
        count,
        float(margins(logits, label)[0]),
        min(least, attacked(model, text, int(label))[1]),
        float(model.bound(text, label)[0]),
    )
