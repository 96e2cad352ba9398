"""What no adversary of a kind can do to a sentence: a certificate."""

from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.data.segmentation import language_of
from engine.lexicon.candidates import similar_candidates
from engine.lexicon.similar import similar_words
from engine.progress import Progress
from engine.robustness.certificates import CERTIFICATES, WORDS, Certified, Question
from engine.robustness.victim import Victim
from engine.settings import CONFIG
from engine.sites import EMBEDDINGS, SiteName, said_at
from engine.statistics import percent_down, rounded_down
from engine.subjects.classifier import Classifier
from engine.subjects.sentences import Text


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class CertifySettings(Text):
    """A text and a kind of certificate."""

    text_pair: str | None = None
    """A second sentence, for models of pairs; it stays as it is."""
    kind: str = Field(default="gaussian", json_schema_extra={"enum": [*CERTIFICATES.modules()]})
    """enumeration: try every text. ablation, substitution, gaussian: votes over random masks, words or noise."""
    samples: int = Field(default=500, ge=10, le=1_000_000)
    """Votes that are counted (500 for looking, 5,000 for a study)."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Probability of a wrong certificate, at most."""
    keep: float = Field(default=0.3, gt=0, lt=1)
    """ablation: share of the words that a random mask keeps."""
    sigma: float = Field(default=0.05, gt=0, le=1e6)
    """gaussian: standard deviation σ of the noise on every number (embedding units)."""
    candidates: int = Field(default=4, ge=1, le=24)
    """enumeration, substitution: similar words that each word may become."""
    most: int = Field(default=20_000, ge=1, le=10_000_000)
    """enumeration: texts to try at most."""
    similar: str = ""
    """Similar words: en, zh or a word2vec file; empty: by the language of the text."""
    site: SiteName = EMBEDDINGS
    """gaussian: where noise enters: embeddings, or layer:N, the hidden states that go into block N (from 0)."""

    @model_validator(mode="after")
    def _nothing_in_vain(self) -> Self:
        asks = CERTIFICATES.get(self.kind).asks
        for name in ("samples", "alpha", "keep", "sigma", "candidates", "most", "site"):
            if name not in asks and getattr(self, name) != self.schema()[name]["default"]:
                raise ValueError(f"{name} does nothing for {self.kind}: leave it out. It takes {', '.join(asks)}.")
        return self

    @field_validator("kind")
    @classmethod
    def _there_is(cls, given: str) -> str:
        return CERTIFICATES.get(given).name

    def question(self, classifier: Classifier, progress: Progress = None) -> Question:
        """What the certificate is asked: only what concerns its kind."""
        asks = CERTIFICATES.get(self.kind).asks
        values = {name: getattr(self, name) for name in asks if name != "candidates"}
        if "candidates" in asks:
            source = similar_words(self.similar or language_of(self.text), progress)
            values["sets"] = similar_candidates(source, self.candidates)
        return Question(classifier, self.text, self.text_pair, **values)


@dataclass(frozen=True)
class Certification(Result):
    """A certificate of one text.

    Attributes:
        kind: of the certificate; of: what answers: the model, or the smoothed classifier.
        prediction: name of the class that it answers with. model: name of the class that the model itself gives.
        proof: what is proved; its fields stand in the JSON beside these.
        alpha: probability of a wrong certificate; 0 where everything was tried.
    """

    origin: str
    kind: str
    of: str
    prediction: str
    model: str
    proof: Certified
    alpha: float
    site: str = EMBEDDINGS

    def verdict(self) -> str:
        """What is proved, in a sentence or two."""
        proof = self.proof
        sure = f" This holds with probability {1 - self.alpha:g} over the votes." if self.alpha else ""
        if self.alpha and proof.share == 1.0:
            sure += f" All {proof.samples:,} votes agree: {self._more()}"
        if proof.abstained:
            return (
                f"Nothing is certified: {self.prediction} got {proof.share:.1%} of the votes, which does not show that it is the"
                f" most frequent answer ({self.of} abstains)."
            )
        if proof.unit != WORDS:
            return f"{self.of} says {self.prediction} for every δ with ‖δ‖ < {rounded_down(proof.radius)} {proof.unit}.{sure}"
        if self.kind == "ablation":
            if not proof.radius:
                return f"{self.of} says {self.prediction}; not even one changed word is covered.{sure}"
            return f"{self.of} says {self.prediction} whatever becomes of any {proof.radius:g} of its {proof.words} words.{sure}"
        if not proof.words:
            return f"{self.of} says {self.prediction}. None of its words has a similar one: there was nothing to try."
        if proof.certified:
            return f"{self.of} says {self.prediction}, whatever its {_words(proof.words)} that {'has' if proof.words == 1 else 'have'} similar ones may become.{sure}"
        if not proof.radius:
            return f"{self.of} says {self.prediction}; not even one similar word in place of another is covered.{sure}"
        return f"{self.of} says {self.prediction} as long as at most {_words(proof.radius)} {'becomes a similar one' if proof.radius == 1 else 'become similar ones'}.{sure}"

    def _more(self) -> str:
        """What more votes than those that all agree could show."""
        proof = self.proof
        if proof.attainable is None or proof.radius < proof.attainable:
            return "it is as much as so many can show, whatever the text; more would show more."
        if self.kind == "substitution" and proof.radius == proof.words:
            return "there is no more to show."
        other = "keep" if self.kind == "ablation" else "candidates"
        return f"no number of them can show more of this text; other values of {other} might."

    def document(self) -> dict[str, Any]:
        """All fields, those of the proof among them, and the verdict."""
        own = {name: value for name, value in vars(self).items() if name != "proof"}
        return {**vars(self.proof), **own, "verdict": self.verdict()}

    def text(self) -> str:
        """The verdict, and the numbers behind it."""
        proof = self.proof
        numbers = f"{proof.samples:,} texts tried" if proof.p_low is None else (
            f"{percent_down(proof.share)} of {proof.samples:,} votes, at least {percent_down(proof.p_low)} of all"
        )  # fmt: skip
        differs = "" if self.model == self.prediction else f"\nThe model itself says {self.model}."
        return f"{self.origin}{said_at(self.site)}\n\n{self.verdict()}{differs}\n{numbers}"


def _words(count: float) -> str:
    return f"{count:g} word{'s' if count != 1 else ''}"


@analysis("certify", "What is certain", CertifySettings, needs="classes", many=True)
def certify(classifier: Classifier, asked: CertifySettings, progress: Progress = None) -> Certification:
    """A certificate of one text.

    Raises:
        UserError: the text has too few words, there are too many texts to try, or the model lacks what the kind needs.
    """
    kind = CERTIFICATES.get(asked.kind)
    found = kind.run(asked.question(classifier, progress), progress)
    own = int(Victim(classifier, asked.text_pair)([asked.text])[0].argmax())
    return Certification(
        classifier.origin, asked.kind, "The smoothed classifier" if kind.smoothed else "The model",
        classifier.labels[found.prediction], classifier.labels[own], found, asked.alpha if kind.smoothed else 0.0,
        asked.site if asked.kind == "gaussian" else EMBEDDINGS,
    )  # fmt: skip
