"""Similar words from word vectors, behind one interface: English, Chinese, or a word2vec file of the user's."""

import zlib
from collections.abc import Callable, Sequence
from functools import cache as memoised
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engine.data.segmentation import begins_word, piece_text
from engine.errors import UserError
from engine.home import cache
from engine.paths import exists, path_of, regular_file, whole

LEAST_SIMILARITY = 0.4
MOST_VECTORS = 16 * 2**30  # Bytes of a file of word vectors; the largest published ones have 7 GB.
NEIGHBOURS = 64  # Kept for every word; a mask draws from the first NEAREST of them.
NEAREST = 24
Progress = Callable[[int, int], None] | None


def inflected(first: str, second: str) -> bool:
    """Whether two words in Latin letters look like forms of one (`film`, `films`): such a swap corrects nothing."""
    if not (first.isascii() and second.isascii()):
        return False
    shared = next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    return shared >= 3 and shared >= min(len(first), len(second)) - 1


class SimilarWords:
    """The nearest words by cosine similarity of their vectors.

    Args:
        words: [N], in lower case.
        vectors: [N, D].
        name: for people, where they are from.
        nearest: the places and similarities of every word's nearest ones, [N, NEIGHBOURS] each; None: found when
            asked.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: NDArray[np.floating],
        name: str,
        nearest: tuple[NDArray[np.integer], NDArray[np.floating]] | None = None,
    ) -> None:
        self.words = list(words)
        self.name = name
        # Of two forms of a word that differ in their case alone, the first: files hold the frequent ones first.
        self.place = {word: at for at, word in reversed(list(enumerate(self.words)))}
        unit = np.asarray(vectors, dtype=np.float32)
        self.vectors = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
        self._nearest = nearest
        self._found: dict[int, list[tuple[int, str, float]]] = {}

    def __len__(self) -> int:
        return len(self.words)

    def similar(self, word: str, least: float = LEAST_SIMILARITY, most: int = NEAREST) -> list[tuple[str, float]]:
        """Words with similarity of at least `least`, the most similar first, forms of the word itself left out.

        Out of the `most` nearest (at most `NEIGHBOURS`); none for a word without a vector.
        """
        at = self.place.get(word.lower())
        if at is None:
            return []
        if at not in self._found:
            places, scores = self._nearest or nearest_places(self.vectors, at, at + 1)
            row = at if self._nearest else 0
            near = enumerate(zip(places[row], scores[row], strict=True))
            named = [(rank, self.words[place], float(score)) for rank, (place, score) in near]
            self._found[at] = [each for each in named if not inflected(word.lower(), each[1])]
        return [(found, score) for rank, found, score in self._found[at] if rank < most and score >= least]


def nearest_places(unit: NDArray[np.floating], low: int, high: int) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """For rows low … high of `[N, D]` unit vectors: places and cosines of the `NEIGHBOURS` nearest others, sorted."""
    scores = unit[low:high] @ unit.T
    scores[np.arange(high - low), np.arange(low, high)] = -2.0
    count = min(NEIGHBOURS, len(unit) - 1)
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1), np.take_along_axis(values, order, axis=1)


def from_file(path: Path) -> SimilarWords:
    """Vectors from a file in word2vec's text (.txt, .vec) or binary (.bin) format, also gzipped.

    Raises:
        UserError: it cannot be read as that.
    """
    from gensim.models import KeyedVectors

    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    binary = ".bin" in path.suffixes
    try:
        loaded = KeyedVectors.load_word2vec_format(str(path), binary=binary, unicode_errors="replace", limit=500_000)
    except Exception as problem:  # gensim raises many kinds for what is not its format.
        raise UserError(
            f"{path.name} is not a word2vec file ({type(problem).__name__}). Its first line must give the number of words"
            " and of dimensions, each further one a word and its numbers (.txt, .vec), or be binary (.bin)."
        ) from None
    if len(loaded) < 2:
        raise UserError(f"{path.name} holds {len(loaded)} vector(s); at least 2 are needed.")
    lower = [word.lower() for word in loaded.index_to_key]
    return SimilarWords(lower, loaded.vectors, path.name)


def _kept(name: str, make: Callable[[], tuple[list[str], NDArray[np.floating]]], title: str) -> SimilarWords:
    """Vectors from the cache, made on first use."""
    file = cache() / "vectors" / f"{name}.safetensors"
    if not file.exists():
        made = SimilarWords(*make(), title)
        parts = [nearest_places(made.vectors, low, min(low + 1024, len(made))) for low in range(0, len(made), 1024)]
        file.parent.mkdir(exist_ok=True)
        content = {
            "words": np.frombuffer("\n".join(made.words).encode(), dtype=np.uint8).copy(),
            "vectors": made.vectors.astype(np.float16),
            "nearest": np.concatenate([places for places, _ in parts]).astype(np.int32),
            "scores": np.concatenate([scores for _, scores in parts]).astype(np.float16),
        }
        with whole(file) as partial:
            save_file(content, partial)
    state = load_file(file)
    words = bytes(state["words"]).decode().split("\n")
    return SimilarWords(words, state["vectors"], title, (state["nearest"], state["scores"]))


def english(progress: Progress = None) -> SimilarWords:
    """English words as the built-in sentence encoder (all-MiniLM-L6-v2, trained for similarity) reads them alone.

    The words are the whole words of its vocabulary and those that occur at least three times in the built-in
    sentences; each one's vector is the mean-pooled last hidden state of the word by itself, 384 numbers.
    """
    return _kept("english-minilm-3", lambda: _encode_english(progress), "all-MiniLM-L6-v2, words alone")


def _encode_english(progress: Progress) -> tuple[list[str], NDArray[np.floating]]:
    import re
    from collections import Counter

    import torch
    from transformers import AutoModel, AutoTokenizer

    from engine.data.builtin import RATED_FILES, rated_sentences
    from engine.data.segmentation import words as words_of
    from engine.model_names import model_path

    path = model_path("minilm")
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModel.from_pretrained(path, use_safetensors=True, dtype=torch.float32).eval()
    counts: Counter[str] = Counter()
    for domain in RATED_FILES:
        for text in rated_sentences(domain)["text"]:
            counts.update(word.lower() for word in words_of(text))
    plain = re.compile(r"[a-z]{2,}(?:['’\-][a-z]+)*")
    known = {word for word in tokenizer.get_vocab() if plain.fullmatch(word)}
    known |= {word for word, count in counts.items() if count >= 3 and plain.fullmatch(word)}
    words = sorted(known, key=lambda word: (len(word), word))  # Equal lengths together: little padding.
    found = []
    with torch.inference_mode():
        for start in range(0, len(words), 512):
            batch = tokenizer(words[start : start + 512], return_tensors="pt", padding=True)
            hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None].float()
            found.append(((hidden * mask).sum(1) / mask.sum(1)).numpy())
            if progress is not None:
                progress(min(start + 512, len(words)), len(words))
    return words, np.concatenate(found)


def chinese(progress: Progress = None) -> SimilarWords:
    """Chinese word vectors trained (skip-gram, 100 numbers) on the built-in reviews, segmented by jieba.

    One thread and a fixed hash, so that every machine trains the same ones.
    """
    return _kept("chinese-reviews-4", lambda: _train_chinese(progress), "skip-gram on the built-in reviews")


def _train_chinese(progress: Progress) -> tuple[list[str], NDArray[np.floating]]:
    from gensim.models import Word2Vec

    from engine.data.builtin import load_builtin
    from engine.data.segmentation import words as words_of

    texts = load_builtin("reviews-zh").splits["train"]["text"]
    sentences = []
    for place, text in enumerate(texts):
        sentences.append(words_of(text))
        if progress is not None and place % 1000 == 0:
            progress(place, 2 * len(texts))
    model = Word2Vec(
        sentences, vector_size=100, window=5, min_count=5, sg=1, negative=5, epochs=8, seed=0, workers=1,
        hashfxn=lambda word: zlib.crc32(word.encode()),
    )  # fmt: skip
    if progress is not None:
        progress(len(texts), len(texts))
    return list(model.wv.index_to_key), np.asarray(model.wv.vectors)


def from_embeddings(model: Any, tokenizer: Any) -> SimilarWords:
    """The fallback: a model's own word embeddings of the tokens that are whole words."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    special = set(tokenizer.all_special_ids)
    words, rows = [], []
    for token, at in vocabulary:
        text = piece_text([token]).lower()
        if at not in special and begins_word(tokenizer, token) and not token.startswith("[unused") and text.isalpha():
            words.append(text)
            rows.append(at)
    weights = model.get_input_embeddings().weight.detach().cpu().numpy()[rows]
    return SimilarWords(words, weights, "the model's own word embeddings")


@memoised
def _from_file_once(path: str, changed: float) -> SimilarWords:
    return from_file(Path(path))


def similar_words(source: str, progress: Progress = None) -> SimilarWords:
    """`en`, `zh`, or the path of a word2vec file.

    Raises:
        UserError: none of these.
    """
    if source == "en":
        return english(progress)
    if source == "zh":
        return chinese(progress)
    if not exists(source) or path_of(source).is_dir():
        raise UserError(f"Similar words must be en, zh or a word2vec file, but {source[:80]!a} is none of them.")
    path = regular_file(path_of(source), "The word vectors", MOST_VECTORS)
    return _from_file_once(str(path), path.stat().st_mtime)
