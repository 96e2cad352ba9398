"""Which tokens make a word: Chinese by word segmentation (CWS), other scripts by letters; for any fast tokenizer."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

_HAN = "〇々㐀-䶿一-鿿豈-﫿\U00020000-\U000323af"  # The unified ideographs with their extensions.
_OTHER = rf"(?:(?![{_HAN}])[^\W_])+"  # Letters and digits of other scripts: they end where Chinese begins.
HAN = re.compile(rf"[{_HAN}]+")
WORD = re.compile(rf"[{_HAN}]+|{_OTHER}(?:['’\-]{_OTHER})*")

# The slides' Figure 1 was segmented with LTP, whose dictionary has this word; jieba's splits it.
EXTRA_WORDS = ("下一个",)


BEGINNINGS = ("▁", "Ġ")  # Marks of tokens that begin a word, of SentencePiece and byte-level BPE.
_MARKED: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


@cache
def _jieba() -> Any:
    import rjieba

    segmenter = rjieba.Jieba()
    for word in EXTRA_WORDS:
        segmenter.add_word(word, 100_000, "m")
    return segmenter


def word_spans(text: str) -> list[tuple[int, int]]:
    """The words of a text as (start, end) of characters. Punctuation and spaces belong to none.

    Runs of Chinese characters are segmented by jieba (rjieba), other words are runs of other letters and digits; both
    may stand side by side without a space (我买了iPhone手机).
    """
    spans: list[tuple[int, int]] = []
    for found in WORD.finditer(text):
        if HAN.match(found.group()):
            at = found.start()
            for piece in _jieba().cut(found.group()):
                spans.append((at, at + len(piece)))
                at += len(piece)
        else:
            spans.append(found.span())
    return spans


def words(text: str) -> list[str]:
    """The words of a text."""
    return [text[start:end] for start, end in word_spans(text)]


def encode_words(tokenizer: Any, text: str, pair: str | None = None, max_length: int = 128) -> dict[str, list[int]]:
    """Tokenise, and say for every token which word it is part of.

    Returns:
        The tokenizer's `input_ids`, …, and `word_ids`: the number of the word, -1 for punctuation, special tokens and words
        that the vocabulary cannot write (there is nothing to predict).
    """
    encoded = tokenizer(text, pair, truncation=True, max_length=max_length, return_offsets_mapping=True)
    spans = [word_spans(text), word_spans(pair) if pair is not None else []]
    places: list[int] = []
    for (start, end), side in zip(encoded.pop("offset_mapping"), encoded.sequence_ids(), strict=True):
        if side is None or start == end:
            places.append(-1)
            continue
        # A token may begin with the space before its word: its last character decides.
        number = next((n for n, (low, high) in enumerate(spans[side]) if low <= end - 1 < high), None)
        places.append(-1 if number is None else number + (len(spans[0]) if side else 0))
    unknown = {at for at, token in zip(places, encoded["input_ids"], strict=True) if token == tokenizer.unk_token_id}
    places = [-1 if at in unknown else at for at in places]
    return {**{name: list(values) for name, values in encoded.items()}, "word_ids": places}


def piece_text(tokens: Sequence[str]) -> str:
    """Tokens of one word put together: `pre ##di ##ct` → `predict`."""
    return "".join(token.removeprefix("##").lstrip("▁Ġ") for token in tokens)


def language_of(text: str) -> str:
    """`zh` if a tenth of the characters are Chinese, else `en`."""
    return "zh" if sum(map(len, HAN.findall(text))) > len(text) / 10 else "en"


def ordinary_tokens(tokenizer: Any) -> list[int]:
    """The tokens that can stand in a text: neither special ones nor places of the vocabulary that are kept free, in their order."""
    special = set(tokenizer.all_special_ids)
    return sorted(
        at for token, at in tokenizer.get_vocab().items() if at not in special and not token.startswith("[unused")
    )


def begins_word(tokenizer: Any, token: str) -> bool:
    """Whether a token stands at the beginning of a word, by its mark: ▁ or Ġ marks it there, ## where a word goes on."""
    return token.startswith(BEGINNINGS) if _marks_beginnings(tokenizer) else not token.startswith("##")


def words_by_marks(tokenizer: Any, ids: Sequence[int]) -> list[int]:
    """Word numbers from the tokens' marks alone (`begins_word`); special tokens and punctuation have -1."""
    special, number, found = set(tokenizer.all_special_ids), -1, []
    for at, token in zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True):
        if at in special or not any(letter.isalnum() for letter in token.lstrip("▁Ġ")):
            found.append(-1)
        else:
            goes_on = not begins_word(tokenizer, token)
            number += not (goes_on and found and found[-1] >= 0)
            found.append(number)
    return found


def _marks_beginnings(tokenizer: Any) -> bool:
    known = _MARKED.get(tokenizer)
    if known is None:
        vocabulary = tokenizer.get_vocab()
        marked = sum(token.startswith(BEGINNINGS) for token in vocabulary)
        known = _MARKED[tokenizer] = marked > len(vocabulary) / 20  # A single such letter makes no mark.
    return known
