"""Removal curves against forward passes written out."""

import numpy as np
import pytest
import torch

from engine.analysis.attribution import ALGORITHMS
from engine.catalogue import analyse
from engine.errors import UserError

TEXT = "a very dull story with good music"


def said(classifier, encoded, kept):
    """The logits with the embeddings of the other words replaced by the padding token's."""
    weights = classifier.model.get_input_embeddings().weight.detach()
    words = weights[encoded["input_ids"]].clone()
    special = set(classifier.tokenizer.all_special_ids)
    for at, token in enumerate(encoded["input_ids"][0].tolist()):
        if token not in special and at not in kept:
            words[0, at] = weights[classifier.tokenizer.pad_token_id]
    with torch.no_grad():
        return classifier.model(inputs_embeds=words, attention_mask=encoded["attention_mask"]).logits[0]


def probability(classifier, encoded, kept, target):
    return float(said(classifier, encoded, kept).softmax(-1)[target])


def test_every_curve_is_what_forward_passes_say(classifier):
    found = analyse("faithfulness", classifier, text=TEXT, label="bad", draws=3, points=10, seed=2)
    encoded = classifier.tokenizer(TEXT, return_tensors="pt")
    free = list(range(1, encoded["input_ids"].shape[1] - 1))
    assert set(found.orders) == {*ALGORITHMS, "moved most by PGD"}
    assert len(found.tokens) == len(free)
    for order in [*found.orders.values(), *found.random]:
        assert sorted(order.order) == free
        for count in range(len(free) + 1):
            first = set(order.order[:count])
            assert order.without[count] == pytest.approx(
                probability(classifier, encoded, set(free) - first, 0), abs=1e-5
            )
            assert order.only[count] == pytest.approx(probability(classifier, encoded, first, 0), abs=1e-5)
        assert order.without[0] == pytest.approx(order.only[-1], abs=1e-5)
        places = [max(1, round(share * len(free))) for share in (0.05, 0.1, 0.2, 0.5)]
        assert order.comprehensiveness == pytest.approx(
            np.mean([order.without[0] - order.without[at] for at in places])
        )
        assert order.sufficiency == pytest.approx(np.mean([order.without[0] - order.only[at] for at in places]))
        assert order.area == pytest.approx(np.mean(order.without))


def test_an_order_that_is_as_good_as_a_random_one_beats_half_of_it(classifier):
    """Of two tokens there are two orders: the better one must not look worse than chance."""
    found = analyse("faithfulness", classifier, text="dull film", label="bad", draws=40, points=5, seed=0)
    values = sorted({round(each.comprehensiveness, 5) for each in found.random})
    assert len(values) == 2
    share = sum(round(each.comprehensiveness, 5) == values[1] for each in found.random) / 40
    for name, each in found.orders.items():
        best = round(each.comprehensiveness, 5) == values[1]
        assert found.better(name) == pytest.approx((1 - share) + share / 2 if best else (1 - share) / 2)


def test_orders_are_those_of_the_attributions_and_of_the_adversary(classifier):
    found = analyse("faithfulness", classifier, text=TEXT, label="bad", draws=2, method="freelb", seed=1)
    for name in ALGORITHMS:
        values = analyse(
            "attribution", classifier, text=TEXT, label="bad", algorithm=name, method="pgd", points=20, seed=1
        ).clean.values
        along = [values[at] for at in found.orders[name].order]
        assert along == sorted(along, reverse=True)
    norms = analyse("trace", classifier, text=TEXT, label="bad", method="freelb", seed=1).token_norms[-1]
    along = [norms[at] for at in found.orders["moved most by FreeLB"].order]
    assert along == pytest.approx(sorted(along, reverse=True))


def test_taking_one_token_away_is_occlusion(classifier):
    """The first of occlusion's order is the token whose blank lowers the label's logit most."""
    found = analyse("faithfulness", classifier, text=TEXT, label="bad", draws=2)
    encoded = classifier.tokenizer(TEXT, return_tensors="pt")
    free = list(range(1, encoded["input_ids"].shape[1] - 1))
    left = {at: float(said(classifier, encoded, set(free) - {at})[0]) for at in free}
    assert found.orders["occlusion"].order == sorted(free, key=left.get)


def test_what_cannot_be_ordered(classifier, regressor):
    with pytest.raises(UserError, match="at least two tokens"):
        analyse("faithfulness", classifier, text="good")
    with pytest.raises(UserError, match="classes are needed"):
        analyse("faithfulness", regressor, text=TEXT)
    with pytest.raises(UserError, match="draws must be"):
        analyse("faithfulness", classifier, text=TEXT, draws=1)
