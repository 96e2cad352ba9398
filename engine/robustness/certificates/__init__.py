"""Certificates, one file each: what no adversary of a kind can do to a text, proved by trying everything or by votes.

A certificate by votes is one of the *smoothed* classifier, which answers with what the model says most often of random
variants of the text; of the model itself it says nothing. It holds with probability 1 - α over the draws.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.progress import Progress
from engine.registry import Registry
from engine.sites import EMBEDDINGS
from engine.subjects.classifier import Classifier

WORDS = "words"


@dataclass(frozen=True)
class Question:
    """What is to be certified.

    Attributes:
        text: the text. pair: a second one, which stays as it is.
        sets: what a word may become, itself left out.
        samples: votes that are counted. alpha: probability of a wrong certificate.
        keep: share of the words that a random mask keeps. sigma: standard deviation of the noise, in the site's units.
        most: texts that are tried one by one at most.
        site: where noise enters.
    """

    classifier: Classifier
    text: str
    pair: str | None = None
    sets: Callable[[str], Sequence[str]] = lambda word: ()
    samples: int = 500
    alpha: float = 0.05
    keep: float = 0.3
    sigma: float = 0.05
    most: int = 20_000
    site: str = EMBEDDINGS
    seed: int = 0


@dataclass(frozen=True)
class Certified:
    """What is proved.

    Attributes:
        prediction: number of the class, of the model or of the smoothed classifier.
        certified: whether the prediction holds against all that the certificate is about (for a radius: one that is not 0).
        radius: how many words may be changed, or how long δ may be, without changing it.
        unit: of the radius.
        samples: votes, or texts that were tried.
        p_low: lower confidence bound of the prediction's share of all votes; None where everything was tried.
        abstained: whether the votes do not even show that the prediction is the most frequent one.
        share: of the counted votes, of the prediction; 1 where everything was tried.
        words: how many words the text has that may be changed.
        attainable: the radius that any number of votes could show, would they all agree; None: the more, the larger.
    """

    prediction: int
    certified: bool
    radius: float
    unit: str
    samples: int
    p_low: float | None
    abstained: bool
    share: float
    words: int
    attainable: float | None = None


@dataclass(frozen=True)
class Certificate:
    """A kind of certificate. `summary`: what is proved, in a sentence; `smoothed`: whether of the smoothed classifier; `asks`: the
    settings that concern it.
    """

    name: str
    year: int
    run: Callable[[Question, Progress], Certified]
    summary: str
    smoothed: bool
    asks: tuple[str, ...]


CERTIFICATES: Registry[Certificate] = Registry("certificate", __name__)


def certificate(
    name: str, year: int, *asks: str, smoothed: bool
) -> Callable[[Callable[[Question, Progress], Certified]], Callable[[Question, Progress], Certified]]:
    """Register a function as a certificate; the first line of its docstring is the summary."""

    def register(function: Callable[[Question, Progress], Certified]) -> Callable[[Question, Progress], Certified]:
        summary = (function.__doc__ or "").strip().partition("\n")[0]
        CERTIFICATES.add(Certificate(name, year, function, summary, smoothed, asks))
        return function

    return register
