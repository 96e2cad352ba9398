"""What the model says without each word: leave one out (Li, Monroe and Jurafsky 2016), as greedy word attacks rank words."""

from dataclasses import dataclass

from engine.analysis import Result, analysis
from engine.errors import UserError
from engine.progress import Progress
from engine.robustness.text import State, split
from engine.robustness.victim import Victim
from engine.subjects.classifier import Classifier
from engine.subjects.sentences import Sentence, resolve_label
from engine.tables import columns


@dataclass(frozen=True)
class Erasure(Result):
    """`words`, `losses`: [W], what the probability of the label loses without the word. `probability`: with all of them."""

    origin: str
    label: str
    probability: float
    words: list[str]
    losses: list[float]

    def text(self) -> str:
        """Word by word, in the order of the text."""
        rows = [(word, f"{loss:+.4f}") for word, loss in zip(self.words, self.losses, strict=True)]
        return f"{self.origin}\n\nP({self.label}) = {self.probability:.4f}\n" + columns(rows, ("without", "it loses"))


@analysis("erasure", "What each word is worth", Sentence, needs="classes")
def erasure(classifier: Classifier, asked: Sentence, progress: Progress = None) -> Erasure:
    """Leave each word out and look how much less likely the label becomes."""
    words, gaps = split(asked.text)
    if not words:
        raise UserError("The text has no words to leave out.")
    label = int(resolve_label(classifier, asked.label, asked.encoded(classifier).batch)[0])
    state = State(words, gaps, label)
    texts = [asked.text, *(state.text({place: ""}) for place in range(len(words)))]
    whole, *without = Victim(classifier, asked.text_pair)(texts)[:, label].tolist()
    return Erasure(classifier.origin, classifier.labels[label], whole, words, [whole - each for each in without])
