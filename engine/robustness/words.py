"""Attacks that change real words: candidates, constraints and the searches over them.

A search asks the model about whole texts, many at once, and stops when the prediction leaves the label:

- `greedy`: words in the order of what the label's probability loses without them, each replaced by the candidate that lowers
  it most (as TextFooler, Jin et al. 2020, and PWWS, Ren et al. 2019).
- `hotflip`: the first-order estimate (e(candidate) - e(word)) · ∇L chooses the swap (Ebrahimi et al. 2018).
- `typos`: letters of the most important words are swapped, dropped or doubled.
- `random`: random words, random candidates, as many as the others may change: what chance does.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor

from engine.analysis.classifier import Classifier
from engine.errors import UserError, known
from engine.objectives.segmentation import word_spans
from engine.settings import CONFIG, Settings

SEARCHES = ("greedy", "hotflip", "typos", "random")
MOST_QUERIES = 2000
BATCH = 64
# Closed-class words: replacing them changes grammar rather than meaning.
STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "him",
        "his",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "me",
        "my",
        "no",
        "nor",
        "not",
        "of",
        "on",
        "or",
        "our",
        "she",
        "so",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)


@checked(config=CONFIG, kw_only=True, frozen=True)
class Limits(Settings):
    """What an attack may do."""

    most_changed: float = Field(default=0.3, gt=0, le=1)
    """Largest share of the words that may be changed (at least one word always may)."""
    least_similar: float = Field(default=0.7, ge=-1, le=1)
    """Smallest cosine of the sentence embeddings (built-in encoder) before and after (TextFooler: 0.7 to 0.84)."""
    candidates: int = Field(default=12, ge=1, le=24)
    """Similar words that are tried for each word (TextFooler: 50)."""
    keep_stop_words: bool = True
    """Never change closed-class words such as "the" and "not"."""


@dataclass(frozen=True)
class Attacked:
    """One example after an attack.

    Attributes:
        before, after: the texts. changes: (place of the word, old, new). label, said, said_after: class numbers.
        probability, probability_after: of the label. similarity: cosine of the sentence embeddings.
        queries: texts that the model was asked about. success: the prediction left the label (it was right before).
    """

    before: str
    after: str
    changes: list[tuple[int, str, str]]
    label: int
    said: int
    said_after: int
    probability: float
    probability_after: float
    similarity: float
    queries: int

    @property
    def success(self) -> bool:
        """Whether a right prediction became a wrong one."""
        return self.said == self.label and self.said_after != self.label


@lru_cache(maxsize=1)
def _sentence_encoder() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    from engine.models import best_device, model_path

    path = model_path("minilm")
    model = AutoModel.from_pretrained(path, use_safetensors=True, dtype=torch.float32).eval().to(best_device())
    return model, AutoTokenizer.from_pretrained(path)


def sentence_similarity(text: str, others: Sequence[str]) -> list[float]:
    """Cosines of the built-in sentence encoder's embeddings (all-MiniLM-L6-v2, mean of the last hidden states)."""
    model, tokenizer = _sentence_encoder()
    found = []
    with torch.inference_mode():
        for start in range(0, len(others) + 1, BATCH):
            part = [text, *others][start : start + BATCH]
            batch = tokenizer(part, return_tensors="pt", padding=True, truncation=True, max_length=128).to(model.device)
            hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
            found.append(torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1))
    vectors = torch.cat(found)
    return [float(value) for value in vectors[1:] @ vectors[0]]


class Victim:
    """The classifier as a black box on texts; counts what it is asked. `pair`: a second sentence that stays as it is."""

    def __init__(self, classifier: Classifier, pair: str | None = None) -> None:
        if classifier.is_regression:
            raise UserError("Word attacks need classes: choose a classifier, not a regression model.")
        self.classifier, self.pair, self.queries = classifier, pair, 0

    def encode(self, texts: Sequence[str]) -> Any:
        """A padded batch."""
        tokenizer = self.classifier.tokenizer
        pairs = None if self.pair is None else [self.pair] * len(texts)
        return tokenizer(
            list(texts),
            pairs,
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=self.classifier.max_length,
        ).to(self.classifier.device)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Class probabilities, `[N, C]`, on the CPU."""
        self.queries += len(texts)
        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                found.append(self.classifier.model(**self.encode(texts[start : start + BATCH])).logits.float().cpu())
        return torch.cat(found).softmax(dim=-1)

    def gradient(self, text: str, label: int) -> tuple[Tensor, list[tuple[int, int]]]:
        """∇ of the label's loss in the word embeddings `[L, D]`, and the characters that each token stands for."""
        tokenizer, model = self.classifier.tokenizer, self.classifier.model
        encoded = tokenizer(
            text, self.pair, return_tensors="pt", truncation=True, max_length=self.classifier.max_length,
            return_offsets_mapping=True,
        )  # fmt: skip
        offsets = encoded.pop("offset_mapping")[0].tolist()
        first = [side == 0 for side in encoded.sequence_ids(0)]
        batch = encoded.to(model.device)
        ids = batch.pop("input_ids")
        looked_up = model.get_input_embeddings()(ids).detach().requires_grad_()
        self.queries += 1
        loss = torch.nn.functional.cross_entropy(
            model(inputs_embeds=looked_up, **batch).logits, torch.tensor([label], device=model.device)
        )
        (gradient,) = torch.autograd.grad(loss, looked_up)
        return gradient[0], [tuple(at) if own else (0, 0) for at, own in zip(offsets, first, strict=True)]


@dataclass
class _State:
    """Where a search stands: the words, what stands between them, and what was changed."""

    words: list[str]
    gaps: list[str]
    label: int
    changes: dict[int, tuple[str, str]] = field(default_factory=dict)

    def text(self, swap: dict[int, str] | None = None) -> str:
        """The text with some words swapped."""
        words = [(swap or {}).get(place, word) for place, word in enumerate(self.words)]
        return "".join(part for pair in zip(self.gaps, [*words, ""], strict=True) for part in pair)

    def swap(self, place: int, word: str) -> None:
        """Change a word for good."""
        old = self.changes.get(place, (self.words[place], ""))[0]
        self.changes[place] = (old, word)
        self.words[place] = word


def split(text: str) -> tuple[list[str], list[str]]:
    """Words, and what stands before, between and after them: one more than words."""
    spans = word_spans(text)
    edges = [0, *(at for span in spans for at in span), len(text)]
    return [text[a:b] for a, b in spans], [text[edges[at] : edges[at + 1]] for at in range(0, len(edges), 2)]


def cased_like(word: str, example: str) -> str:
    """`word` with the capital letters of `example`."""
    if example.isupper() and len(example) > 1:
        return word.upper()
    return word.capitalize() if example[:1].isupper() else word


Candidates = Callable[[str], list[str]]


def similar_candidates(source: Any, count: int) -> Candidates:
    """The most similar words of a `SimilarWords`."""

    def candidates(word: str) -> list[str]:
        return [cased_like(found, word) for found, _ in source.similar(word)[:count]]

    return candidates


def typos(word: str) -> list[str]:
    """Two neighbouring letters swapped, one dropped or one doubled, first and last letter kept; words of 4 or more."""
    if len(word) < 4:
        return []
    found = [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(1, len(word) - 2)]
    found += [word[:at] + word[at + 1 :] for at in range(1, len(word) - 1)]
    found += [word[:at] + word[at] + word[at:] for at in range(1, len(word) - 1)]
    return [each for each in dict.fromkeys(found) if each != word]


def attack_text(
    classifier: Classifier,
    text: str,
    label: int,
    candidates: Candidates,
    *,
    search: str = "greedy",
    limits: Limits | None = None,
    pair: str | None = None,
    seed: int = 0,
) -> Attacked:
    """Look for a few words whose change turns the prediction away from the label.

    Args:
        candidates: what a word may become (ignored by `typos`). search: one of `SEARCHES`. pair: a second sentence.

    Raises:
        UserError: a regression model, an unknown search, or a text without words.
    """
    known("attack", search, list(SEARCHES))
    limits = limits or Limits()
    victim = Victim(classifier, pair)
    words, gaps = split(text)
    if not words:
        raise UserError("The text has no words to change.")
    start = victim([text])[0]
    state = _State(words, gaps, label)
    if int(start.argmax()) == label:
        choose = typos if search == "typos" else candidates
        options = {
            place: choose(word)
            for place, word in enumerate(words)
            if not (limits.keep_stop_words and word.lower() in STOP_WORDS)
        }
        run = {"greedy": _greedy, "typos": _greedy, "hotflip": _hotflip, "random": _random}[search]
        run(victim, state, {place: found for place, found in options.items() if found}, text, limits, seed)
    after = state.text()
    end = victim([after])[0] if state.changes else start
    similarity = sentence_similarity(text, [after])[0] if state.changes else 1.0
    return Attacked(
        text, after, [(place, *state.changes[place]) for place in sorted(state.changes)], label, int(start.argmax()),
        int(end.argmax()), float(start[label]), float(end[label]), similarity, victim.queries,
    )  # fmt: skip


def _budget(state: _State, limits: Limits) -> int:
    return max(1, int(limits.most_changed * len(state.words)))


def _allowed(text: str, others: list[str], limits: Limits) -> list[bool]:
    return [value >= limits.least_similar for value in sentence_similarity(text, others)]


def _greedy(victim: Victim, state: _State, options: dict[int, list[str]], text: str, limits: Limits, seed: int) -> None:
    """The most important word first, its best candidate; until the label falls or the budget is used up."""
    if not options:
        return
    places = list(options)
    without = victim([state.text({place: ""}) for place in places])[:, state.label]
    current = float(victim([state.text()])[0, state.label])
    for at in without.argsort().tolist():
        if len(state.changes) >= _budget(state, limits) or victim.queries >= MOST_QUERIES:
            return
        place = places[at]
        texts = [state.text({place: word}) for word in options[place]]
        allowed = torch.tensor(_allowed(text, texts, limits))
        if not allowed.any():
            continue
        found = victim(texts)
        own = found[:, state.label].masked_fill(~allowed, 2.0)
        best = int(own.argmin())
        if float(own[best]) < current:
            state.swap(place, options[place][best])
            current = float(own[best])
            if int(found[best].argmax()) != state.label:
                return


def _hotflip(
    victim: Victim, state: _State, options: dict[int, list[str]], text: str, limits: Limits, seed: int
) -> None:
    """The swap with the largest first-order gain in loss, verified; until the label falls or the budget is used up."""
    current = float(victim([state.text()])[0, state.label])
    while len(state.changes) < _budget(state, limits) and victim.queries < MOST_QUERIES:
        ranked = [each for each in first_order(victim, state, options) if each[1] not in state.changes][:16]
        if not ranked:
            return
        texts = [state.text({place: word}) for _, place, word in ranked]
        allowed = torch.tensor(_allowed(text, texts, limits))
        found = victim(texts)
        own = found[:, state.label].masked_fill(~allowed, 2.0)
        best = int(own.argmin())
        if float(own[best]) >= current:
            return
        state.swap(ranked[best][1], ranked[best][2])
        current = float(own[best])
        if int(found[best].argmax()) != state.label:
            return


def first_order(victim: Victim, state: _State, options: dict[int, list[str]]) -> list[tuple[float, int, str]]:
    """(estimated gain in loss, place, word), the largest first: Σ over a word's tokens of (e(new) - e(old)) · ∇L.

    Only where old and new word have as many tokens: otherwise the estimate has no meaning.
    """
    text = state.text()
    gradient, offsets = victim.gradient(text, state.label)
    weights = victim.classifier.model.get_input_embeddings().weight
    tokenizer = victim.classifier.tokenizer
    ids = tokenizer(text, victim.pair, truncation=True, max_length=victim.classifier.max_length)["input_ids"]
    found = []
    for (start, end), (place, _) in zip(word_spans(text), enumerate(state.words), strict=False):
        tokens = [at for at, (a, b) in enumerate(offsets) if a < b and start <= a and b <= end]
        for word in options.get(place, ()):
            new = tokenizer(word, add_special_tokens=False)["input_ids"]
            if len(new) != len(tokens) or not tokens:
                continue
            move = weights[new] - weights[[ids[at] for at in tokens]]
            found.append((float((move * gradient[tokens]).sum()), place, word))
    return sorted(found, key=lambda each: -each[0])


def _random(victim: Victim, state: _State, options: dict[int, list[str]], text: str, limits: Limits, seed: int) -> None:
    """Random words become random candidates, one after another, until the label falls or the budget is used up."""
    chance = random.Random(f"{seed} {text}")
    places = list(options)
    chance.shuffle(places)
    for place in places[: _budget(state, limits)]:
        word = chance.choice(options[place])
        if not _allowed(text, [state.text({place: word})], limits)[0]:
            continue
        state.swap(place, word)
        if int(victim([state.text()])[0].argmax()) != state.label:
            return


def attack_table(
    classifier: Classifier,
    texts: Sequence[str],
    labels: Sequence[int],
    candidates: Candidates,
    *,
    pairs: Sequence[str] | None = None,
    search: str = "greedy",
    limits: Limits | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Attacked]:
    """`attack_text` on many."""
    found = []
    for place, (text, label) in enumerate(zip(texts, labels, strict=True)):
        if word_spans(text):
            found.append(
                attack_text(
                    classifier, text, int(label), candidates, search=search, limits=limits,
                    pair=None if pairs is None else pairs[place], seed=seed,
                )
            )  # fmt: skip
        if progress is not None:
            progress(place + 1, len(texts))
    return found


def summary(found: Sequence[Attacked]) -> dict[str, float]:
    """`accuracy` and `after_attack` (shares of all), `success` (of those right before), `words_changed` (mean share of the
    words of successful ones), `similarity` (their mean), `queries` (mean of those right before).
    """
    right = [each for each in found if each.said == each.label]
    won = [each for each in right if each.success]
    count = max(1, len(found))

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else 0.0

    return {
        "examples": float(len(found)),
        "accuracy": len(right) / count,
        "after_attack": (len(right) - len(won)) / count,
        "success": len(won) / max(1, len(right)),
        "words_changed": mean([len(each.changes) / len(split(each.before)[0]) for each in won]),
        "similarity": mean([each.similarity for each in won]),
        "queries": mean([float(each.queries) for each in right]),
    }
