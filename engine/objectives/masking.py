"""The masking strategies of MacBERT's Figure 1: original, whole word, n-gram and Mac; one token or word at a time.

Selection says which tokens are to be predicted, replacement what the model sees in their place. Both are drawn from
one seed, so the same seed gives the same masks.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from engine.data.segmentation import ordinary_tokens, piece_text
from engine.data.tasks import IGNORED
from engine.lexicon.closed_class import STOP_WORDS
from engine.lexicon.similar import SimilarWords
from engine.objectives.masked import Choice, Masked
from engine.settings import CONFIG, Settings

Strategy = Literal["original", "wwm", "ngram", "mac"]
STRATEGIES: dict[str, str] = {
    "original": "Original masking: single tokens, 80 % [MASK], 10 % random, 10 % kept (BERT).",
    "wwm": "Whole word masking: all tokens of a word together.",
    "ngram": "N-gram masking: 1 to 4 words in a row, 40/30/20/10 %.",
    "mac": "Mac masking: n-grams replaced by similar words; [MASK] is never used.",
}
NGRAM_SHARES = (0.4, 0.3, 0.2, 0.1)


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class MaskingSettings(Settings):
    """How words are masked; the defaults are MacBERT's."""

    strategy: Strategy = "mac"
    """Masking strategy: original, wwm (whole words), ngram or mac (similar words)."""
    mask_share: float = Field(default=0.15, gt=0, lt=1)
    """Share of the words (original: of their tokens) that is selected (paper: 0.15)."""
    mask_punctuation: bool = False
    """Punctuation can be selected too, each mark as a word of its own; otherwise it never is."""
    replace_share: float = Field(default=0.8, ge=0, le=1)
    """Share of the selected words that is replaced by [MASK], or by a similar word under mac (paper: 0.8)."""
    random_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the selected words that is replaced by a random one (paper: 0.1); the rest is kept."""
    least_similarity: float = Field(default=0.4, ge=-1, le=1)
    """Words less similar than this cosine count as not similar (then a random word is taken)."""


class Masker:
    """Masks batches of token ids whose words are known.

    Args:
        tokenizer: any.
        settings: see `MaskingSettings`.
        similar: needed by `mac`.
    """

    def __init__(self, tokenizer: Any, settings: MaskingSettings, similar: SimilarWords | None = None) -> None:
        if settings.strategy == "mac" and similar is None:
            raise ValueError("mac masking needs similar words")
        if settings.replace_share + settings.random_share > 1 + 1e-9:
            raise ValueError("replace_share and random_share may add up to 1 at most")
        self.tokenizer, self.settings, self.similar = tokenizer, settings, similar
        self._special = set(tokenizer.all_special_ids)
        self.ordinary = np.array(ordinary_tokens(tokenizer))
        self._tokens = tokenizer.convert_ids_to_tokens
        self._candidates: dict[tuple[int, ...], list[tuple[tuple[int, ...], str, float]]] = {}
        self._by_length: dict[int, list[tuple[int, ...]]] | None = None

    # Selection.

    def _starts(self, chance: np.random.Generator, words: int, lengths: list[int]) -> list[tuple[int, int]]:
        """Place n-grams without overlap at random: (first word, words)."""
        free = np.ones(words, dtype=bool)
        found = []
        for length in sorted(lengths, reverse=True):  # Long ones first: they find room more rarely.
            length = min(length, words)
            runs = np.convolve(free, np.ones(length), "valid") == length
            places = np.flatnonzero(runs)
            if len(places):
                start = int(chance.choice(places))
                free[start : start + length] = False
                found.append((start, length))
        return found

    def select(
        self, word_ids: Sequence[int], chance: np.random.Generator, at_least_one: bool = False
    ) -> list[tuple[list[int], int, bool]]:
        """Which words of one example are to be predicted: (token positions, n of the n-gram, first of it).

        The expected share is `mask_share` whatever the length: their number is rounded at random.
        """
        groups: dict[int, list[int]] = {}
        for position, word in enumerate(word_ids):
            if word >= 0:
                groups.setdefault(int(word), []).append(position)
        units = list(groups.values())
        strategy = self.settings.strategy
        if strategy == "original":
            units = [[position] for unit in units for position in unit]
        if not units:
            return []
        ngrams = strategy in ("ngram", "mac")
        mean = sum(n * share for n, share in enumerate(NGRAM_SHARES, 1)) if ngrams else 1.0
        wanted = self.settings.mask_share * len(units) / mean
        number = int(wanted) + int(chance.random() < wanted % 1)
        if at_least_one:
            number = max(number, 1)
        lengths = [int(n) for n in chance.choice(4, size=number, p=NGRAM_SHARES) + 1] if ngrams else [1] * number
        chosen = []
        for start, length in self._starts(chance, len(units), lengths):
            chosen += [(units[start + step], length, step == 0) for step in range(length)]
        return sorted(chosen)

    def _with_punctuation(self, ids: Sequence[int], places: Sequence[int]) -> list[int]:
        """Word numbers in which every token that is no special one has one, punctuation too."""
        following = count(max(places, default=-1) + 1)
        return [
            next(following) if place < 0 and at not in self._special else place
            for at, place in zip(ids, places, strict=True)
        ]

    # Replacement.

    def _lexicon(self) -> dict[int, list[tuple[int, ...]]]:
        """Words by their number of tokens: what random words are drawn from."""
        if self._by_length is None:
            self._by_length = {1: [(int(at),) for at in self.ordinary]}
            if self.similar is not None:
                space = " " * any(self._tokens(int(at)).startswith("Ġ") for at in self.ordinary)
                words = [space + word for word in self.similar.words]
                encoded = self.tokenizer(words, add_special_tokens=False)["input_ids"]
                for ids in encoded:
                    if len(ids) > 1 and self.tokenizer.unk_token_id not in ids:
                        self._by_length.setdefault(len(ids), []).append(tuple(ids))
        return self._by_length

    def _random_word(self, length: int, chance: np.random.Generator) -> tuple[int, ...]:
        words = self._lexicon().get(length, [])
        if len(words) > 20:
            return words[int(chance.integers(len(words)))]
        return tuple(int(at) for at in chance.choice(self.ordinary, size=length))

    def candidates(self, ids: tuple[int, ...]) -> list[tuple[tuple[int, ...], str, float]]:
        """Similar words with the same number of tokens: (ids, word, similarity). Looked up once per word.

        Function words have none and are none: what stands near them in a vector space is no synonym.
        """
        if ids not in self._candidates:
            assert self.similar is not None
            word = piece_text(self._tokens(list(ids)))
            near = [
                each
                for each in self.similar.similar(word, self.settings.least_similarity)
                if not {word.lower(), each[0]} & STOP_WORDS
            ]
            # Byte-level vocabularies have another token for a word after a space.
            space = " " * self._tokens(ids[0]).startswith("Ġ")
            encoded = (
                self.tokenizer([space + other for other, _ in near], add_special_tokens=False)["input_ids"]
                if near
                else []
            )
            self._candidates[ids] = [
                (tuple(other_ids), other, score)
                for (other, score), other_ids in zip(near, encoded, strict=True)
                if len(other_ids) == len(ids)
                and self.tokenizer.unk_token_id not in other_ids
                and tuple(other_ids) != ids
            ][:5]
        return self._candidates[ids]

    def _replace(
        self, ids: tuple[int, ...], chance: np.random.Generator
    ) -> tuple[tuple[int, ...], str, bool, float | None]:
        settings, draw = self.settings, chance.random()
        if draw >= settings.replace_share + settings.random_share:
            return ids, "kept", False, None
        if draw >= settings.replace_share:
            return self._random_word(len(ids), chance), "random", False, None
        if settings.strategy != "mac":
            return (self.tokenizer.mask_token_id,) * len(ids), "mask", False, None
        near = self.candidates(ids)
        if not near:
            return self._random_word(len(ids), chance), "random", True, None
        other, _, score = near[int(chance.integers(len(near)))]
        return other, "similar", False, score

    def mask(
        self, input_ids: Tensor, word_ids: Tensor, *, seed: int, describe: bool = False, at_least_one: bool = False
    ) -> Masked:
        """Mask a padded batch.

        Args:
            input_ids: `[B, L]`.
            word_ids: `[B, L]`, -1 where no word is (padding, special tokens, punctuation).
            seed: of all draws.
            describe: also say of every word what became of it.
            at_least_one: per example.
        """
        chance = np.random.default_rng(seed)
        seen, labels = input_ids.clone(), torch.full_like(input_ids, IGNORED)
        masked = Masked(seen, labels)
        for row, (ids, places) in enumerate(zip(input_ids.tolist(), word_ids.tolist(), strict=True)):
            if self.settings.mask_punctuation:
                places = self._with_punctuation(ids, places)
            if describe:
                inside = [place for place in places if place >= 0]
                masked.units += len(inside if self.settings.strategy == "original" else set(inside))
            for positions, length, first in self.select(places, chance, at_least_one):
                before = tuple(ids[position] for position in positions)
                after, kind, degraded, score = self._replace(before, chance)
                where = torch.tensor(positions)
                seen[row, where] = torch.tensor(after, dtype=seen.dtype)
                labels[row, where] = torch.tensor(before, dtype=labels.dtype)
                if describe:
                    texts = [piece_text(self._tokens(list(each))) for each in (before, after)]
                    masked.choices.append(
                        Choice(row, positions, length, first, texts[0], texts[1], kind, degraded, score)
                    )
        return masked
