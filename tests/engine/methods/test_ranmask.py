"""RanMASK: what is hidden, how it is drawn, and that the rest is ordinary fine-tuning."""

import pytest
import torch
from scipy import stats

from engine.errors import UserError
from engine.methods.ranmask import RanMASK, shown_words
from engine.methods.vanilla import Vanilla
from engine.models import load_tokenizer
from tests import tiny


@pytest.fixture(scope="module")
def tokenizer(encoder):
    return load_tokenizer(str(encoder))


def shown(method, tokenizer, text, seed):
    """The words of a text that a draw shows, whole."""
    torch.manual_seed(seed)
    batch = tokenizer([text], return_tensors="pt")
    ids = method.hidden(batch)[0].tolist()
    return [word for word in tokenizer.convert_ids_to_tokens(ids) if word != "[MASK]"]


def test_k_of_n_words_are_shown_and_marks_stay(tokenizer):
    method = RanMASK(keep=0.5, tokenizer=tokenizer)
    text = "the film was good , really 17 ."  # 17 is two tokens.
    for seed in range(30):
        left = shown(method, tokenizer, text, seed)
        assert left[0] == "[CLS]" and left[-1] == "[SEP]" and left.count("[UNK]") == 2  # The comma and the full stop.
        words = [word for word in left if word not in ("[CLS]", "[SEP]", "[UNK]")]
        assert ("1" in words) == ("##7" in words)
        assert len([word for word in words if not word.startswith("##")]) == shown_words(0.5, 6) == 3


def test_every_word_is_as_likely_as_any_other(tokenizer):
    method, words = RanMASK(keep=0.4, tokenizer=tokenizer), ["the", "film", "was", "good", "really"]
    counts = dict.fromkeys(words, 0)
    for seed in range(600):
        for word in shown(method, tokenizer, " ".join(words), seed):
            if word in counts:
                counts[word] += 1
    assert sum(counts.values()) == 600 * 2
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_the_step_is_vanillas_on_what_is_shown():
    model, batch = tiny.model(), tiny.batch()
    method = RanMASK(keep=0.5, tokenizer=tiny.TOKENIZER)
    torch.manual_seed(3)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    model.zero_grad()
    torch.manual_seed(3)
    hidden = method.hidden(batch)
    assert (hidden != batch["input_ids"]).sum(dim=1).tolist() == [n - shown_words(0.5, n) for n in tiny.LENGTHS]
    plain = Vanilla().step(model, {**batch, "input_ids": hidden})
    torch.testing.assert_close(report.loss, plain.loss)
    tiny.assert_same(found, tiny.gradients(model))


def test_a_draw_is_the_examples_own():
    """Neither padding, nor neighbours, nor the side of the padding change it; another step does."""
    method, batch = RanMASK(keep=0.5, tokenizer=tiny.TOKENIZER), tiny.batch()
    found = []
    for given in (batch, {name: each[1:] for name, each in batch.items()}, tiny.batch(pad_to=11), tiny.left(batch)):
        torch.manual_seed(5)
        rows = zip(method.hidden(given), given["attention_mask"].bool(), strict=True)
        found.append([row[real].tolist() for row, real in rows])
    assert found[0] == found[2] == found[3] and found[0][1:] == found[1]
    assert method.hidden(batch).tolist() != found[0]


@pytest.mark.parametrize(
    "keep, words, expected", [(0.3, 10, 3), (0.01, 10, 1), (0.99, 10, 9), (0.3, 1, 1), (0.5, 2, 1)]
)
def test_how_many_are_shown(keep, words, expected):
    assert shown_words(keep, words) == expected


def test_without_a_mask_token_it_says_so():
    with pytest.raises(UserError, match="mask token"):
        RanMASK().step(tiny.model(), tiny.batch())
