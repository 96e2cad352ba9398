"""What a method's ascent does to the tags of a sentence's tokens (named entities, parts of speech)."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from engine.analysis import Result, analysis
from engine.analysis.trace import TraceSettings
from engine.ascent import climb
from engine.data.encoding import word_starts
from engine.data.tasks import IGNORED
from engine.errors import UserError
from engine.perturbation import token_norms
from engine.progress import Progress
from engine.sites import EMBEDDINGS, said_at
from engine.subjects.classifier import Classifier, precise
from engine.tables import columns


@dataclass(frozen=True)
class Tags(Result):
    """One ascent path over K steps; index 0 is the start. A tag is that of a word, at the first of its tokens.

    Attributes:
        tokens: `[L]`, the tokenizer's. special: `[L]`, whether each is a special token.
        token_norms: `[K+1][L]`, ‖δ^i‖_2, in the site's units.
        norms: `[K+1]`, ‖δ‖_F.
        loss: `[K+1]`, the mean cross-entropy over the words.
        said: `[K+1][L]`, the tag that the model gives; "" where no word begins.
        sure: `[K+1][L]`, the probability of that tag.
        against: `[L]`, the tag that the loss is taken against; "" where no word begins.
        label_given: whether these tags were given; else they are the model's own.
        truncated: whether the text was cut to the model's length.
    """

    origin: str
    method: str
    site: str
    epsilon: float | None
    settings: dict[str, Any]
    tokens: list[str]
    special: list[bool]
    token_norms: list[list[float]]
    norms: list[float]
    loss: list[float]
    said: list[list[str]]
    sure: list[list[float]]
    against: list[str]
    label_given: bool
    truncated: bool

    @property
    def changed(self) -> list[int]:
        """The places of the tokens whose tag is another one after the last step."""
        return [at for at, (a, b) in enumerate(zip(self.said[0], self.said[-1], strict=True)) if a != b]

    def verdict(self) -> str:
        """How many tags change, in a sentence."""
        words = sum(map(bool, self.against))
        steps = f"{len(self.loss) - 1} step{'s' if len(self.loss) != 2 else ''}"
        return f"{len(self.changed)} of {words} words get another tag after {steps}."

    def text(self) -> str:
        """A row per token."""
        before, after = (
            [f"{tag} ({sure:.3f})" if tag else "" for tag, sure in zip(self.said[at], self.sure[at], strict=True)]
            for at in (0, -1)
        )
        norms = [f"{norm:.4g}" for norm in self.token_norms[-1]]
        rows = list(zip(self.tokens, norms, before, after, strict=True))
        return f"{self.origin}{said_at(self.site)}\n\n{self.verdict()}\n\n" + columns(
            rows, ("token", "|delta|", "before", "after")
        )


@analysis("tags", "The tags under the ascent", TraceSettings, needs="tags")
def tags(classifier: Classifier, asked: TraceSettings, progress: Progress = None) -> Tags:
    """Follow a method's ascent on the tags of a sentence, with dropout off.

    The loss is the mean over its words; `label` gives their tags, with spaces between (empty: the model's own).

    Raises:
        UserError: a pair, another number of tags than words, or a tag that the model has not.
    """
    if asked.text_pair is not None:
        raise UserError("The tags are those of one text: leave the second one out.")
    asked = replace(asked, text=" ".join(asked.text.split()))
    method, encoded = asked.adversary(classifier), asked.encoded(classifier)
    model = precise(classifier).model if method.takes_differences else classifier.model
    starts = word_starts(classifier.tokenizer, asked.text, classifier.max_length)
    labels = _labels(classifier, asked, encoded.batch, starts)
    count = asked.steps if asked.steps is not None else getattr(method.settings, "ascent_steps", 1)
    path = climb(method, model, {**encoded.batch, "labels": labels}, steps=count, seed=asked.seed)
    probabilities = torch.stack([point.logits[0].float().softmax(dim=-1) for point in path])
    names = [*classifier.labels, ""]
    begins = torch.tensor([word is not None for word in starts], device=labels.device)
    said = torch.where(begins, probabilities.argmax(dim=-1), len(names) - 1)
    special = set(classifier.tokenizer.all_special_ids)
    return Tags(
        origin=classifier.origin,
        method=method.name,
        site=getattr(method.settings, "site", EMBEDDINGS),
        epsilon=getattr(method.settings, "epsilon", None),
        settings=method.settings.as_dict(),
        tokens=classifier.tokenizer.convert_ids_to_tokens(encoded.ids.tolist()),
        special=[token in special for token in encoded.ids.tolist()],
        token_norms=[token_norms(point.delta)[0].tolist() for point in path],
        norms=[float(point.delta.norm()) for point in path],
        loss=[float(point.loss[0]) for point in path],
        said=[[names[place] for place in row] for row in said.tolist()],
        sure=probabilities.amax(dim=-1).tolist(),
        against=["" if place == IGNORED else names[place] for place in labels[0].tolist()],
        label_given=asked.label is not None,
        truncated=encoded.truncated,
    )


def _labels(classifier: Classifier, asked: TraceSettings, batch: dict[str, Tensor], starts: list[int | None]) -> Tensor:
    """What the loss is taken against, `[1, L]`: -100 where no word begins."""
    begins = torch.tensor([[word is not None for word in starts]], device=classifier.device)
    if not begins.any():
        raise UserError("The text has no word that the model's tokenizer writes.")
    if asked.label is None:
        return torch.where(begins, classifier.logits(batch).argmax(dim=-1), IGNORED)
    given, words = str(asked.label).split(), asked.text.split(" ")
    if len(given) != len(words):
        raise UserError(
            f"A label is needed for each of the {len(words)} words of the text, but there are {len(given)}."
        )
    if strange := [tag for tag in given if tag not in classifier.labels]:
        raise UserError(f"The label {strange[0][:40]!r} is none of the model's: {', '.join(classifier.labels[:12])}.")
    places = [IGNORED if word is None else classifier.labels.index(given[word]) for word in starts]
    return torch.tensor([places], device=classifier.device)
