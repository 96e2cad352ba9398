"""A trace against the method's own loop, written out."""

import pytest
import torch

from engine.analysis.trace import follow, nearest_tokens, shift_to_gap
from engine.catalogue import analyse
from engine.errors import UserError
from engine.methods import METHODS, get_method, perturbing
from engine.subjects.sentences import Sentence

TEXT = "a very dull story with good music"


def trace(classifier, method, text, text_pair=None, label=None, steps=None, seed=0):
    return follow(classifier, method, Sentence(text=text, text_pair=text_pair, label=label, seed=seed), steps)


def make(name, **settings):
    allowed = get_method(name).Settings.names()
    return get_method(name)(**{key: value for key, value in settings.items() if key in allowed})


def test_a_pgd_trace_is_the_plain_loop(classifier):
    found = trace(classifier, make("pgd", step_size=0.2, epsilon=0.5), TEXT, label="bad", steps=4)
    encoded = classifier.tokenizer(TEXT, return_tensors="pt")
    words = classifier.model.get_input_embeddings()(encoded["input_ids"]).detach()
    delta = torch.zeros_like(words)
    for step in range(5):
        delta.requires_grad_()
        logits = classifier.model(inputs_embeds=words + delta, attention_mask=encoded["attention_mask"]).logits
        loss = -logits.log_softmax(-1)[0, 0]
        assert found.loss[step] == pytest.approx(loss.item(), abs=1e-5)
        assert found.probabilities[step] == pytest.approx(logits.softmax(-1)[0].tolist(), abs=1e-5)
        assert found.token_norms[step] == pytest.approx(delta[0].norm(dim=-1).tolist(), abs=1e-5)
        assert found.norms[step] == pytest.approx(delta.norm().item(), abs=1e-5)
        (gradient,) = torch.autograd.grad(loss, delta)
        delta = (delta + 0.2 * gradient / gradient.norm()).detach()
        delta = delta * min(1.0, 0.5 / delta.norm().item())
    assert found.loss[-1] > found.loss[0]
    assert found.norms[-1] <= 0.5 + 1e-6


@pytest.mark.parametrize("name", METHODS.names())
def test_every_methods_trace_has_the_promised_shape_and_is_repeatable(classifier, name):
    method = make(name)
    found = trace(classifier, method, TEXT, steps=3, seed=5)
    assert found == trace(classifier, make(name), TEXT, steps=3, seed=5)
    document = found.document()
    assert {"tokens", "token_norms", "loss", "probabilities", "label", "epsilon", "method", "nearest"} <= set(document)
    assert found.tokens == ["[CLS]", *TEXT.split(), "[SEP]"]
    steps = 3 if "ascent_steps" in method.settings.names() else 1  # Without a K there is one step.
    assert len(found.token_norms) == len(found.loss) == len(found.probabilities) == steps + 1
    assert all(len(row) == len(found.tokens) for row in found.token_norms)
    assert all(sum(row) == pytest.approx(1.0, abs=1e-5) for row in found.probabilities)
    assert len(found.nearest) == len(found.tokens)
    if method.perturbs:
        assert found.token_norms[-1] != found.token_norms[0]
    assert all(parameter.grad is None for parameter in classifier.model.parameters())


def test_the_analysis_is_the_same_with_a_method_by_its_name(classifier):
    settings = {"epsilon": 0.4, "step_size": 0.2}
    found = analyse("trace", classifier, method="pgd", settings=settings, text=TEXT, label="bad", steps=3, seed=1)
    assert found == trace(classifier, make("pgd", **settings), TEXT, label="bad", steps=3, seed=1)
    both = analyse("side by side", classifier, text=TEXT, epsilon=0.4, steps=3)
    assert both.traces["pgd"] == trace(classifier, classifier.at_radius("pgd", 0.4, 3), TEXT, steps=3)
    assert list(both.traces) == perturbing()


def test_the_label_is_the_models_own_prediction_unless_given(classifier):
    found = trace(classifier, make("pgd"), TEXT, steps=1)
    best = max(range(2), key=found.probabilities[0].__getitem__)
    assert (found.label, found.label_given) == (best, False)
    assert trace(classifier, make("pgd"), TEXT, label="good", steps=1).label == 1
    assert trace(classifier, make("pgd"), TEXT, label="0", steps=1).label == 0
    for label in ("2", "-1", "maybe", 7):
        with pytest.raises(UserError, match="out of range"):
            trace(classifier, make("pgd"), TEXT, label=label)


def test_regression_is_traced_by_its_squared_error(regressor):
    found = trace(regressor, make("pgd", step_size=0.1), TEXT, label="2.5", steps=2)
    for loss, (score,) in zip(found.loss, found.probabilities, strict=True):
        assert loss == pytest.approx((score - 2.5) ** 2, rel=1e-4)
    with pytest.raises(UserError, match="allowed is a number"):
        trace(regressor, make("pgd"), TEXT, label="good")


def test_nearest_tokens_are_those_of_a_plain_search(classifier):
    encoded = classifier.tokenizer(TEXT, return_tensors="pt")["input_ids"][0]
    weights = classifier.model.get_input_embeddings().weight
    near = nearest_tokens(classifier, weights[encoded] + 0.01, encoded, count=3)
    for row, token in zip(near, encoded.tolist(), strict=True):
        distances = (weights - (weights[token] + 0.01)).norm(dim=1)
        allowed = [place for place in range(len(weights)) if place != token and place > 4]
        expected = sorted(allowed, key=lambda place: distances[place].item())[:3]
        assert [each["token"] for each in row] == classifier.tokenizer.convert_ids_to_tokens(expected)
        assert [each["distance"] for each in row] == pytest.approx(distances[expected].tolist(), rel=1e-3)


def test_the_yardstick_is_the_share_of_the_way_to_the_nearest_token(classifier):
    found = trace(classifier, make("pgd"), TEXT, steps=2)
    shares = shift_to_gap(found)
    weights = classifier.model.get_input_embeddings().weight
    encoded = classifier.tokenizer(TEXT)["input_ids"]
    allowed = [place for place in range(len(weights)) if place > 4]
    for at, token in enumerate(encoded):
        # From where the token was, not from where it went.
        gap = min(float((weights[other] - weights[token]).norm()) for other in allowed if other != token)
        assert shares[at] == pytest.approx(found.token_norms[-1][at] / gap, rel=1e-3)


def test_a_climb_that_ends_inside_its_ball_says_what_leads_to_the_edge(classifier):
    short = trace(classifier, make("pgd", epsilon=0.5, step_size=0.05), TEXT, steps=4)
    assert short.norms[-1] < 0.21
    said = short.short_of_the_edge()
    assert "2ε/K = 0.25" in said and said in short.text()
    there = trace(classifier, make("pgd", epsilon=0.5, step_size=0.25), TEXT, steps=4)
    assert there.norms[-1] == pytest.approx(0.5, rel=1e-4) and there.short_of_the_edge() == ""
    for none in (trace(classifier, make("smart"), TEXT, steps=1), trace(classifier, make("vanilla"), TEXT, steps=0)):
        assert none.short_of_the_edge() == ""


def test_empty_and_overlong_texts(classifier):
    for text, pair in (("", None), ("  \n", None), ("good", " ")):
        with pytest.raises(UserError, match="empty"):
            analyse("trace", classifier, text=text, text_pair=pair)
    found = trace(classifier, make("pgd"), "very good film " * 4000, steps=1)
    assert found.truncated
    assert len(found.tokens) == classifier.max_length
    assert not trace(classifier, make("pgd"), TEXT, "a dull film", steps=1).truncated
