"""What may stand in the place of a word: its similar words, opposites left out."""

from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any

from engine.data.segmentation import piece_text
from engine.data.valence import contrary
from engine.data.wordnet import wordnet
from engine.lexicon.closed_class import STOP_WORDS
from engine.lexicon.contrast import Contrast, contrast_of
from engine.lexicon.similar import NEIGHBOURS, SimilarWords


def cased_like(word: str, example: str) -> str:
    """`word` with the capital letters of `example`."""
    if example.isupper() and len(example) > 1:
        return word.upper()
    return word.capitalize() if example[:1].isupper() else word


Candidates = Callable[[str], list[str]]


def keeps_meaning(word: str, other: str, contrast: Contrast | None = None) -> bool:
    """Whether, as far as is known, one may stand for the other without turning the meaning round: WordNet calls them no opposites
    and knows them as the same part of speech, people do not rate the one as positive and the other as negative, and the vectors
    do not set them against each other (`contrast`) where nobody rated them.
    """
    return wordnet().exchangeable(word, other) and not (contrast.contrary if contrast else contrary)(word, other)


def similar_candidates(source: SimilarWords, count: int, keep_meaning: bool = True) -> Candidates:
    """The `count` most similar words of a source, by default those alone that keep the meaning."""
    contrast = contrast_of(source) if keep_meaning else None

    @cache
    def nearest(word: str) -> list[str]:
        near = (found for found, _ in source.similar(word, most=NEIGHBOURS))
        return list(islice((each for each in near if not keep_meaning or keeps_meaning(word, each, contrast)), count))

    def candidates(word: str) -> list[str]:
        return [cased_like(found, word) for found in nearest(word.lower())]

    return candidates


class TokenCandidates:
    """What a token that is a whole word may become, as tokens of the same vocabulary; closed-class words stay.

    Args:
        tokenizer: a fast one; marks (▁, Ġ, ##) say where words begin.
        words: what a word may become.
        count: C.
    """

    def __init__(self, tokenizer: Any, words: Candidates, count: int) -> None:
        self.tokenizer, self.words, self.count = tokenizer, words, count
        self.vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._found: dict[int, list[int]] = {}

    def __call__(self, token: int) -> list[int]:
        """Always C of them: filled up with the token itself."""
        if token not in self._found:
            marked = self.tokenizer.convert_ids_to_tokens([token])[0]
            word = piece_text([marked])
            likely = [] if word.lower() in STOP_WORDS else self.words(word)
            found = [self.vocabulary.get(marked.removesuffix(word) + each, token) for each in likely]
            self._found[token] = [*found, *[token] * (self.count - len(found))]
        return self._found[token]
