"""HotFlip training against the swaps found one by one and the losses written out."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from engine.data.segmentation import words
from engine.lexicon.closed_class import STOP_WORDS
from engine.lexicon.similar import SimilarWords
from engine.methods import hotflip
from engine.methods.hotflip import HotFlip
from tests import tiny

TEXTS = ["the film was very good and quite lovely", "a dull story 42 in town", "12 34", "people with music"]
WORDS = ["good", "great", "lovely", "bad", "dull", "film", "story", "music", "quite", "truly", "people", "nonsense"]


@pytest.fixture
def near(monkeypatch):
    """Word vectors of our own: every word above is near every other; `nonsense` is no token of the vocabulary."""
    rng = np.random.default_rng(0)
    source = SimilarWords(WORDS, 1.0 + 0.3 * rng.random((len(WORDS), 8)), "ours")
    monkeypatch.setattr(hotflip, "similar_words", lambda name: source)
    return source


@pytest.fixture
def given(encoder):
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2).double().eval()
    batch = tokenizer(TEXTS, return_tensors="pt", padding=True)
    return model, tokenizer, {**batch, "labels": torch.tensor([1, 0, 1, 0])}


def swapped_by_hand(model, tokenizer, batch, near, share, count):
    """Every candidate of every word is tried, as eq. (4) says; the largest gains are kept."""
    look_up = model.get_input_embeddings()
    leaf = look_up(batch["input_ids"]).detach().requires_grad_()
    model(inputs_embeds=leaf, attention_mask=batch["attention_mask"], labels=batch["labels"]).loss.backward()
    model.zero_grad()
    ids, vocabulary = batch["input_ids"].clone(), tokenizer.get_vocab()
    for row, text in enumerate(TEXTS):
        tokens = tokenizer.convert_ids_to_tokens(ids[row])
        gains = []
        for at, token in enumerate(tokens):
            if token not in WORDS or token in STOP_WORDS:
                continue
            best = None
            for other, _ in near.similar(token, most=64)[:count]:
                if other in vocabulary:
                    gain = float(
                        (look_up.weight[vocabulary[other]] - look_up.weight[vocabulary[token]]) @ leaf.grad[row, at]
                    )
                    best = max(best or (gain, at, other), (gain, at, other))
            if best and best[0] > 0:
                gains.append(best)
        for _, at, other in sorted(gains, reverse=True)[: max(1, int(share * len(words(text))))]:
            ids[row, at] = vocabulary[other]
    return ids


@pytest.mark.parametrize(("share", "count"), [(0.3, 12), (1.0, 3), (0.01, 12)])
def test_hotflip_equals_the_plain_loop(given, near, share, count):
    model, tokenizer, batch = given
    how = {"most_changed": share, "candidates": count, "keep_meaning": False, "adversarial_weight": 0.7}
    method = HotFlip(tokenizer=tokenizer, **how)
    report = method.step(model, batch)
    found = tiny.gradients(model)
    model.zero_grad()
    ids = swapped_by_hand(model, tokenizer, batch, near, share, count)
    changed = (ids != batch["input_ids"]).sum(dim=1)
    assert changed[0] >= 1 and changed[2] == 0 and report.figures["swapped_words"] == changed.sum() / 4
    loss = model(**batch).loss + 0.7 * model(**{**batch, "input_ids": ids}).loss
    loss.backward()
    tiny.assert_same(found, tiny.gradients(model), atol=1e-10)
    torch.testing.assert_close(report.loss, loss.detach())


def test_the_swapped_sentence_has_the_larger_loss(given, near):
    """A swap is chosen by the slope; on this smooth model it must not point the wrong way."""
    model, tokenizer, batch = given
    method = HotFlip(tokenizer=tokenizer, keep_meaning=False, most_changed=0.01)
    embedded = method.embed(model, batch)
    clean = embedded.forward()
    ids = method.swapped(embedded, embedded.backward(embedded.loss(clean.logits), clean))
    with torch.no_grad():
        assert model(**{**batch, "input_ids": ids}).loss > model(**batch).loss


def test_every_nth_batch(given, near):
    model, tokenizer, batch = given
    method = HotFlip(tokenizer=tokenizer, every=3, keep_meaning=False)
    assert method.floor == 4.0
    swapped = ["swapped_words" in method.step(model, batch).figures for _ in range(4)]
    assert swapped == [True, False, False, True]
    again = HotFlip(tokenizer=tokenizer, every=3, keep_meaning=False)
    again.load_state_dict(method.state_dict())
    assert [("swapped_words" in again.step(model, batch).figures) for _ in range(3)] == [False, False, True]


def test_opposites_stay_out(given, near):
    model, tokenizer, batch = given
    kept = {}
    for keep in (True, False):
        method = HotFlip(tokenizer=tokenizer, keep_meaning=keep)
        method.step(model, batch)
        good = tokenizer.get_vocab()["good"]
        kept[keep] = set(tokenizer.convert_ids_to_tokens(method.candidates(good)))
    assert "bad" in kept[False] and "bad" not in kept[True]
