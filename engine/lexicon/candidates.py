"""What may stand in the place of a word: its similar words, opposites left out."""

from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any

from engine.data.segmentation import piece_text
from engine.data.valence import contrary
from engine.data.wordnet import wordnet
from engine.lexicon.contrast import Contrast, contrast_of
from engine.lexicon.similar import NEIGHBOURS, SimilarWords

# Closed-class words: replacing them changes grammar rather than meaning.
_CLOSED_CLASS = """
a an the this that these those some any each every either neither both all few more most much many several other another such
one none no nor not never cannot don't doesn't didn't isn't aren't wasn't weren't won't wouldn't can't couldn't shouldn't
i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its
itself they them their theirs themselves who whom whose which what someone somebody something anyone anybody anything everyone
everybody everything nobody nothing nowhere somewhere anywhere everywhere
am is are was were be been being have has had having do does did doing can could may might must shall should will would ought
and but or if then else so than as because since until unless while whereas though although whether however instead
of at by for with without about against between among into onto through throughout during before after above below to from up
down in inside out outside on off over under beneath beside besides beyond behind near across along around toward towards upon
via per despite except within like unlike
there here when where why how again further once only just also too very even still yet already quite rather almost
的 了 着 过 地 得 和 与 及 或 但 但是 而 而且 也 都 就 才 又 再 还 不 没 没有 未 无 别 非 是 在 有 我 你 您 他 她 它 我们 你们 他们
她们 它们 这 那 这个 那个 这些 那些 这样 那样 什么 谁 哪 哪里 怎么 为什么 啊 呀 吧 吗 呢 嘛 哦 把 被 对 从 向 到 给 为 因为 所以 如果
虽然 以 之 其 个 一个 不是 不会 不能 不要 就是 还是 可以 会 能 要
"""
STOP_WORDS = frozenset(_CLOSED_CLASS.split())


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
