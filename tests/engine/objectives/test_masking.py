"""The masking strategies: the figure's sentences, statistics over real sentences, what must never happen."""

import numpy as np
import pytest
import torch

from engine.analysis.masking_statistics import statistics
from engine.data.builtin import load_builtin, rated_sentences
from engine.data.segmentation import HAN, encode_words, word_spans, words
from engine.data.tasks import IGNORED
from engine.lexicon.similar import SimilarWords, chinese, english
from engine.models import load_tokenizer
from engine.objectives.collator import MaskingCollator, words_by_marks
from engine.objectives.masking import STRATEGIES, Masker, MaskingSettings
from tests import tiny

ENGLISH = "we use a language model to predict the probability of the next word."
CHINESE = "使用语言模型来预测下一个词的概率。"


@pytest.fixture(scope="module")
def english_tokenizer():
    return load_tokenizer("minilm")


@pytest.fixture(scope="module")
def chinese_tokenizer():
    return load_tokenizer("zh-small")


def test_the_figures_sentences_are_segmented_as_in_the_figure(chinese_tokenizer, english_tokenizer):
    assert words(CHINESE) == ["使用", "语言", "模型", "来", "预测", "下一个", "词", "的", "概率"]
    assert words(ENGLISH) == ENGLISH.rstrip(".").split()
    encoded = encode_words(chinese_tokenizer, CHINESE)
    tokens = chinese_tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    assert tokens == ["[CLS]", *CHINESE, "[SEP]"]  # The tokenizer splits into characters …
    assert encoded["word_ids"] == [-1, 0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 5, 6, 7, 8, 8, -1, -1]  # … of the same words.


def test_pieces_of_a_word_are_grouped_as_in_the_figure(encoder):
    """`pre ##di ##ct` is one word: with any tokenizer that cuts it, here one of single letters."""
    tokenizer = load_tokenizer("zh-small")
    encoded = encode_words(tokenizer, "we predict it.")
    tokens = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    assert tokens[1:5] == ["w", "##e", "p", "##r"]
    assert encoded["word_ids"] == [-1, 0, 0, *[1] * 7, 2, 2, -1, -1]
    assert words_by_marks(tokenizer, encoded["input_ids"]) == encoded["word_ids"]


@pytest.fixture(scope="module")
def byte_level():
    return tiny.byte_level([ENGLISH, "a good film", "a great movie"])


def test_words_are_known_by_the_marks_of_byte_level_vocabularies(byte_level):
    text = "we predict a good movie , probably ."
    encoded = encode_words(byte_level, text)
    tokens = byte_level.convert_ids_to_tokens(encoded["input_ids"])
    assert len(tokens) > len(text.split()) and "Ġgood" in tokens  # Some words are pieces.
    assert words_by_marks(byte_level, encoded["input_ids"]) == encoded["word_ids"]


def test_a_similar_word_keeps_the_space_before_it_in_byte_level_vocabularies(byte_level):
    vectors = np.eye(4)[[0, 0, 1, 1]] + 0.01 * np.arange(16).reshape(4, 4)
    similar = SimilarWords(["film", "movie", "good", "great"], vectors, "by hand")
    masker = Masker(byte_level, MaskingSettings(replace_share=1.0, random_share=0.0, mask_share=0.9), similar)
    collator = MaskingCollator(masker)
    batch = collator.pad([encode_words(byte_level, "a good film")])
    seen = {
        byte_level.decode(masker.mask(batch["input_ids"], batch["word_ids"], seed=seed).input_ids[0])
        for seed in range(20)
    }
    assert any("great movie" in text for text in seen), seen
    assert not any("goodmovie" in text or "greatmovie" in text or "greatfilm" in text for text in seen)


def test_word_spans_of_mixed_text():
    text = "Don't 说 iPhone12 很贵, café-bar!"
    assert [text[start:end] for start, end in word_spans(text)] == ["Don't", "说", "iPhone12", "很", "贵", "café-bar"]


def masked_batches(tokenizer, texts, settings, similar, describe=True):
    masker = Masker(tokenizer, settings, similar)
    collator = MaskingCollator(masker)
    features = [encode_words(tokenizer, text) for text in texts]
    found = []
    for start in range(0, len(features), 64):
        batch = collator.pad(features[start : start + 64])
        found.append((batch, masker.mask(batch["input_ids"], batch["word_ids"], seed=start, describe=describe)))
    return found


@pytest.mark.long(short=4_000, full=10_000)
@pytest.mark.parametrize("strategy", list(STRATEGIES))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_statistics_over_real_sentences(english_tokenizer, chinese_tokenizer, strategy, language, amount):
    """Shares within one percentage point of the paper's; words never split; special tokens and padding never chosen."""
    if language == "en":
        tokenizer, texts, similar = english_tokenizer, rated_sentences("movie")["text"].tolist()[:amount], english()
    else:
        tokenizer, similar = chinese_tokenizer, chinese()
        texts = load_builtin("reviews-zh").splits["train"]["text"].tolist()[:amount]
    batches = masked_batches(tokenizer, texts, MaskingSettings(strategy=strategy), similar)
    found = statistics([masked for _, masked in batches])
    assert found["share"] == pytest.approx(0.15, abs=0.01)
    for name, share in (("replaced", 0.8), ("random", 0.1), ("kept", 0.1)):
        assert found["kinds"][name] == pytest.approx(share, abs=0.01)
    if strategy in ("ngram", "mac"):
        for n, share in enumerate((0.4, 0.3, 0.2, 0.1), 1):
            assert found["ngrams"][n] == pytest.approx(share, abs=0.01)
    special = torch.tensor(tokenizer.all_special_ids)
    for batch, masked in batches:
        chosen = masked.labels != IGNORED
        assert not (chosen & torch.isin(batch["input_ids"], special)).any()
        assert not (chosen & (batch["attention_mask"] == 0)).any()
        assert torch.equal(masked.labels[chosen], batch["input_ids"][chosen])
        assert torch.equal(masked.input_ids[~chosen], batch["input_ids"][~chosen])
        if strategy == "mac":
            assert not (masked.input_ids == tokenizer.mask_token_id).any()
        if strategy != "original":
            for row in range(len(chosen)):
                places = batch["word_ids"][row]
                for word in places[chosen[row]].unique().tolist():
                    assert word >= 0
                    assert chosen[row][places == word].all()


def test_similar_words_replace_word_by_word(encoder):
    tokenizer = load_tokenizer(str(encoder))
    vectors = np.eye(4)[[0, 0, 1, 1, 2, 3]] + 0.01 * np.arange(24).reshape(6, 4)
    similar = SimilarWords(["good", "lovely", "bad", "awful", "film", "town"], vectors, "by hand")
    settings = MaskingSettings(
        strategy="mac", mask_share=0.9, replace_share=1.0, random_share=0.0, least_similarity=0.9
    )
    masker = Masker(tokenizer, settings, similar)
    batch = MaskingCollator(masker).pad([encode_words(tokenizer, "good film bad town lovely")])
    swaps, degraded = set(), set()
    for seed in range(60):
        for choice in masker.mask(batch["input_ids"], batch["word_ids"], seed=seed, describe=True).choices:
            if choice.kind == "similar":
                assert choice.similarity >= 0.9
                swaps.add((choice.before, choice.after))
            else:
                degraded.add(choice.before)
                assert choice.kind == "random" and choice.degraded
    assert swaps == {("good", "lovely"), ("lovely", "good"), ("bad", "awful")}
    assert degraded == {"film", "town"}  # No similar word: a random one.


def test_function_words_have_no_similar_words_and_are_none(chinese_tokenizer, english_tokenizer):
    for tokenizer, source, function_words, content in (
        (chinese_tokenizer, chinese(), ["了", "的", "在"], "电影"),
        (english_tokenizer, english(), ["the", "of", "not"], "wonderful"),
    ):
        masker = Masker(tokenizer, MaskingSettings(least_similarity=-1.0), source)
        encoded = {
            word: tuple(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in [*function_words, content]
        }
        assert any(source.similar(word, -1.0) for word in function_words)  # The vectors have neighbours for them.
        assert not any(masker.candidates(encoded[word]) for word in function_words)
        assert masker.candidates(encoded[content])


def test_the_same_seed_gives_the_same_masks_and_one_can_be_asked_for(english_tokenizer):
    masker = Masker(english_tokenizer, MaskingSettings(strategy="mac"), english())
    batch = MaskingCollator(masker).pad([encode_words(english_tokenizer, "a wonderful film")])
    none = 0
    for seed in range(30):
        first, second = (masker.mask(batch["input_ids"], batch["word_ids"], seed=seed) for _ in range(2))
        assert torch.equal(first.input_ids, second.input_ids)
        none += bool((first.labels == IGNORED).all())
        forced = masker.mask(batch["input_ids"], batch["word_ids"], seed=seed, at_least_one=True)
        assert (forced.labels != IGNORED).any()
    assert none > 5  # Three words at 15 %: most draws select nothing.


def test_the_collator_works_alone_with_plain_features(english_tokenizer):
    """As in a researcher's Trainer: a tokenizer's own output, no word ids."""
    collator = MaskingCollator(Masker(english_tokenizer, MaskingSettings(strategy="wwm", mask_share=0.5)))
    features = [dict(english_tokenizer(text)) for text in (ENGLISH, "unbelievably good")]
    torch.manual_seed(0)
    batch = collator(features)
    assert set(batch) >= {"input_ids", "attention_mask", "labels"}
    assert "word_ids" not in batch
    assert batch["labels"].shape == batch["input_ids"].shape
    assert (batch["labels"] != IGNORED).any()
    torch.manual_seed(0)
    assert torch.equal(collator(features)["input_ids"], batch["input_ids"])


def test_masks_that_make_no_sense_are_refused(english_tokenizer):
    with pytest.raises(ValueError, match="similar words"):
        Masker(english_tokenizer, MaskingSettings(strategy="mac"))
    with pytest.raises(ValueError, match="add up"):
        Masker(english_tokenizer, MaskingSettings(strategy="wwm", replace_share=0.9, random_share=0.2))
    masker = Masker(english_tokenizer, MaskingSettings(strategy="wwm"))
    batch = MaskingCollator(masker).pad([encode_words(english_tokenizer, "...!?")])
    assert (masker.mask(batch["input_ids"], batch["word_ids"], seed=0, at_least_one=True).labels == IGNORED).all()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("我买了iPhone手机质量不错", ["我", "买", "了", "iPhone", "手机", "质量", "不错"]),
        ("用了3个月，WiFi很慢", ["用", "了", "3", "个", "月", "WiFi", "很", "慢"]),
        ("iPhone15真不错", None),
        ("质量ok！it's fine", ["质量", "ok", "it's", "fine"]),
        ("T恤不错", None),
    ],
)
def test_chinese_words_end_where_other_letters_begin(text, expected):
    found = words(text)
    assert "".join(found) == "".join(letter for letter in text if letter.isalnum() or letter == "'")
    if expected is not None:
        assert found == expected
    for word in found:
        assert len({bool(HAN.match(letter)) for letter in word}) == 1


def test_no_word_of_the_built_in_reviews_mixes_scripts_or_is_a_sentence():
    texts = load_builtin("reviews-zh").splits["train"]["text"].tolist()[::5]
    found = [word for text in texts for word in words(text)]
    assert not [word for word in found if HAN.search(word) and not HAN.fullmatch(word)]
    assert max(len(word) for word in found if HAN.search(word)) <= 16
