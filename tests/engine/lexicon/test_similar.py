"""Word vectors: real neighbours, files, the fallback."""

import gzip

import numpy as np
import pytest

from engine.data.segmentation import language_of
from engine.errors import UserError
from engine.lexicon.similar import (
    SimilarWords,
    chinese,
    english,
    from_embeddings,
    from_file,
    inflected,
    similar_words,
)
from engine.objectives.start import load_masked_lm


def test_real_vectors_have_sensible_neighbours():
    vectors = english()
    assert len(vectors) > 20_000
    near = {word for word, _ in vectors.similar("wonderful")}
    assert near & {"great", "excellent", "amazing", "fantastic", "lovely"}
    assert {word for word, _ in vectors.similar("film")} & {"movie", "cinema", "movies"}
    assert {word for word, _ in chinese().similar("酒店")} & {"饭店", "宾馆"}
    assert vectors.similar("qqqqzz") == []
    assert [vectors.similar("film"), vectors.similar("Film")] == [vectors.similar("film")] * 2


def test_of_two_forms_of_a_word_the_frequent_one_counts(tmp_path):
    """A file's words stand in the order of their frequency."""
    (tmp_path / "w.vec").write_text("4 2\nfilm 1 0\nmovie 1 0.1\nFILM 0 1\nabc 0.1 1\n")
    vectors = from_file(tmp_path / "w.vec")
    assert vectors.similar("Film")[0][0] == "movie"


def test_neighbours_are_those_of_a_plain_search():
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(40, 6))
    words = [chr(0x4E00 + at) for at in range(40)]
    vectors = SimilarWords(words, rows, "test")
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for at in (0, 17, 39):
        scores = {words[other]: float(unit[at] @ unit[other]) for other in range(40) if other != at}
        expected = [word for word in sorted(scores, key=scores.get, reverse=True) if scores[word] >= 0.4]
        assert [word for word, _ in vectors.similar(words[at], 0.4)] == expected
        assert all(score == pytest.approx(scores[word], abs=1e-5) for word, score in vectors.similar(words[at], 0.4))


def test_kept_neighbours_are_the_computed_ones():
    kept = english()
    fresh = SimilarWords(kept.words, kept.vectors, "fresh")
    for word in ("predict", "music", "terrible"):
        first, second = kept.similar(word), fresh.similar(word)
        assert [each for each, _ in first][:5] == [each for each, _ in second][:5]


def test_a_word2vec_file_in_text_and_binary(tmp_path):
    from gensim.models import KeyedVectors

    store = KeyedVectors(3)
    store.add_vectors(["sun", "Star", "mud"], np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 0, 1]], dtype=np.float32))
    store.save_word2vec_format(str(tmp_path / "a.txt"))
    store.save_word2vec_format(str(tmp_path / "a.bin"), binary=True)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress((tmp_path / "a.txt").read_bytes()))
    for name in ("a.txt", "a.bin", "b.txt.gz"):
        assert [word for word, _ in from_file(tmp_path / name).similar("sun")] == ["star"]
    assert similar_words(str(tmp_path / "a.txt")).name == "a.txt"


@pytest.mark.parametrize("content", [b"", b"hello\n", b"2 3\nsun 1 0\n", bytes(range(256)) * 40, b"1 1\nx 1\n"])
def test_a_file_that_is_none_gives_one_line(tmp_path, content):
    for name in ("bad.txt", "bad.bin"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="bad") as problem:
            from_file(tmp_path / name)
        assert "\n" not in str(problem.value)


def test_the_fallback_is_the_models_own_embeddings(encoder):
    model, tokenizer, _ = load_masked_lm(str(encoder))
    vectors = from_embeddings(model, tokenizer)
    assert "good" in vectors.place and "[CLS]" not in vectors.place
    assert vectors.similar("good", -1.0)


def test_forms_of_a_word_and_languages():
    assert inflected("film", "films") and inflected("predict", "prediction")
    assert not inflected("good", "great") and not inflected("酒店", "酒")
    assert language_of("这家酒店很好") == "zh" and language_of("a good hotel") == "en"
