"""The searches of the word attacks: they ask the model about whole texts and stop when the label falls."""

import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from engine.analysis.classifier import Classifier
from engine.errors import UserError
from engine.robustness.text import BATCH, Limits, State, sentence_similarity

MOST_QUERIES = 2000


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


def _budget(state: State, limits: Limits) -> int:
    return max(1, int(limits.most_changed * len(state.words)))


def _allowed(text: str, others: list[str], limits: Limits) -> list[bool]:
    return [value >= limits.least_similar for value in sentence_similarity(text, others)]


def greedy(victim: Victim, state: State, options: dict[int, list[str]], text: str, limits: Limits, seed: int) -> None:
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


def hotflip(victim: Victim, state: State, options: dict[int, list[str]], text: str, limits: Limits, seed: int) -> None:
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


def first_order(victim: Victim, state: State, options: dict[int, list[str]]) -> list[tuple[float, int, str]]:
    """(estimated gain in loss, place, word), the largest first: Σ over a word's tokens of (e(new) - e(old)) · ∇L.

    Only where old and new word have as many tokens: otherwise the estimate has no meaning.
    """
    text = state.text()
    gradient, offsets = victim.gradient(text, state.label)
    weights = victim.classifier.model.get_input_embeddings().weight
    tokenizer = victim.classifier.tokenizer
    ids = tokenizer(text, victim.pair, truncation=True, max_length=victim.classifier.max_length)["input_ids"]
    found = []
    for place, (start, end) in enumerate(state.spans()):
        tokens = [at for at, (a, b) in enumerate(offsets) if a < b and start <= a and b <= end]
        # Byte-level vocabularies have another token for a word after a space.
        spaced = bool(tokens) and tokenizer.convert_ids_to_tokens(ids[tokens[0]]).startswith("Ġ")
        for word in options.get(place, ()):
            new = tokenizer(" " * spaced + word, add_special_tokens=False)["input_ids"]
            if len(new) != len(tokens) or not tokens:
                continue
            move = weights[new] - weights[[ids[at] for at in tokens]]
            found.append((float((move * gradient[tokens]).sum()), place, word))
    return sorted(found, key=lambda each: -each[0])


def random_swaps(
    victim: Victim, state: State, options: dict[int, list[str]], text: str, limits: Limits, seed: int
) -> None:
    """Random words become random candidates, one after another, until the label falls or the budget is used up."""
    chance = random.Random(f"{seed} {text}")
    places = list(options)
    chance.shuffle(places)
    for place in places:
        if len(state.changes) >= _budget(state, limits):
            return
        word = chance.choice(options[place])
        if not _allowed(text, [state.text({place: word})], limits)[0]:
            continue
        state.swap(place, word)
        if int(victim([state.text()])[0].argmax()) != state.label:
            return
