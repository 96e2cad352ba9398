"""Certificates: against closed forms, against everything tried one by one, and never beyond what breaks."""

import itertools
import math
import re
from dataclasses import replace
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest
import torch

from engine.catalogue import analyse
from engine.errors import UserError
from engine.perturbation import unit_example
from engine.robustness.certificates import CERTIFICATES, Question
from engine.robustness.certificates import ablation as by_ablation
from engine.robustness.certificates import substitution as by_substitution
from engine.robustness.certificates.gaussian import radius_of, said_under_noise
from engine.robustness.certificates.votes import vote
from engine.robustness.smoothed import smoothed_end
from engine.robustness.text import split
from engine.robustness.victim import Victim
from engine.robustness.words import attack_text
from engine.statistics import binomial_low
from tests.engine.robustness.conftest import WORDS, texts
from tests.engine.robustness.test_words import FREE, SWAPS, candidates, said

CLIQUE = ("good", "dull", "very")


def clique(word):
    """Three words that may all become one another."""
    return [other for other in CLIQUE if other != word] if word in CLIQUE else []


def question(classifier, text, **values):
    plain = {
        "sets": candidates, "samples": 200, "alpha": 0.05, "keep": 0.5, "sigma": 0.1, "most": 20_000, "site": "embeddings",
        "seed": 0,
    }  # fmt: skip
    return Question(classifier, text, None, **{**plain, **values})


def run(kind, classifier, text, **values):
    return CERTIFICATES.get(kind).run(question(classifier, text, **values), None)


@pytest.mark.parametrize("text", texts(50))
def test_enumeration_is_brute_force_and_no_attack_breaks_it(undecided, text):
    found = run("enumeration", undecided, text)
    words, _ = split(text)
    label, fewest = said(undecided, text), math.inf
    for chosen in itertools.product(*([word, *SWAPS.get(word, [])] for word in words)):
        if said(undecided, " ".join(chosen)) != label:
            fewest = min(fewest, sum(a != b for a, b in zip(chosen, words, strict=True)))
    free = sum(word in SWAPS for word in words)
    assert (found.prediction, found.certified) == (label, math.isinf(fewest))
    assert found.radius == (free if math.isinf(fewest) else fewest - 1)
    assert found.samples == math.prod(1 + len(SWAPS.get(word, [])) for word in words)
    for search in ("greedy", "hotflip", "random"):
        broken = attack_text(undecided, text, label, candidates, search=search, limits=FREE)
        assert not (found.certified and broken.success)
        assert not broken.success or len(broken.changes) > found.radius


class Linear:
    """A linear model of a text's one vector: the radius of its smoothed undecided is |margin| / ‖w‖, whatever σ is."""

    def __init__(self, margin, width=8):
        generator = torch.Generator().manual_seed(1)
        self.weight = torch.randn(1, width, generator=generator, dtype=torch.float64)
        self.margin = margin

    def said(self, sigma, seed):
        generator = torch.Generator().manual_seed(seed)

        def draw(count):
            noise = sigma * torch.randn(count, self.weight.shape[1], generator=generator, dtype=torch.float64)
            return ((noise @ self.weight.T)[:, 0] + self.margin < 0).long()

        return draw


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_a_linear_models_radius_is_approached_and_hardly_ever_passed(sigma):
    model = Linear(margin=1.5)
    true = model.margin / float(model.weight.norm())
    found = [radius_of(vote(model.said(sigma, seed), 2000, 0.05).p_low, sigma) for seed in range(200)]
    share_beyond = sum(radius > true for radius in found) / len(found)
    assert share_beyond <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(found))
    assert np.mean(found) > 0.85 * true
    p = NormalDist().cdf(true / sigma)
    assert radius_of(p, sigma) == pytest.approx(true)


def test_the_bound_covers_as_often_as_it_says():
    chance = np.random.default_rng(0)
    for p in (0.55, 0.8, 0.97):
        counts = chance.binomial(300, p, size=1000)
        wrong = np.mean([binomial_low(int(count), 300, 0.05) > p for count in counts])
        assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)
        assert np.mean([binomial_low(int(count), 300, 0.05) for count in counts]) > p - 0.06
    assert binomial_low(300, 300, 0.05) == pytest.approx(0.05 ** (1 / 300))
    assert binomial_low(0, 300, 0.05) == 0.0


def test_votes_choose_count_and_abstain():
    def draws(p, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return lambda count: (torch.rand(count, generator=generator) > p).long()

    clear = vote(draws(0.9), 400, 0.05)
    assert clear.prediction == 0 and clear.samples == 400 and not clear.abstained
    assert clear.p_low == pytest.approx(binomial_low(round(clear.share * 400), 400, 0.05))
    even = vote(lambda count: torch.arange(count) % 2, 400, 0.05)
    assert even.abstained and even.samples < 400  # It stopped when nothing could be shown any more.


def test_ablation_against_every_mask(undecided):
    """With so many votes that p_low is near the share over all masks; and against every change of r words."""
    text, kept = "very good film people dull", 2
    words, _ = split(text)
    mask = undecided.tokenizer.mask_token
    shares = []
    for shown in itertools.combinations(range(len(words)), kept):
        hidden = " ".join(word if at in shown else mask for at, word in enumerate(words))
        shares.append(said(undecided, hidden))
    found = run("ablation", undecided, text, keep=kept / len(words), samples=4000)
    share = shares.count(found.prediction) / len(shares)
    assert found.share == pytest.approx(share, abs=0.03) and found.p_low <= share
    for changed in range(len(words) + 1):
        masks = list(itertools.combinations(range(len(words)), kept))
        spared = sum(not set(each) & set(range(changed)) for each in masks) / len(masks)
        assert float(by_ablation.hidden_share(len(words), kept, changed)) == pytest.approx(spared)
    assert by_ablation.radius_of(0.999, 20, 2) == 5  # C(15, 2) / C(20, 2) = 0.553; C(14, 2) / C(20, 2) = 0.479.
    assert by_ablation.radius_of(0.9, 10, 5) == 0


@pytest.fixture(scope="module")
def answer(undecided):
    """What the model says of a text, asked once."""
    return cache(lambda text: said(undecided, text))


@pytest.mark.long(short=20, full=200)
def test_no_ablation_certificate_is_broken_by_any_change_of_its_words(undecided, answer, amount):
    """The smoothed classifier of every changed text, over all of its masks."""
    for text in texts(amount):
        hold_when_masked(undecided, answer, text)


def hold_when_masked(undecided, answer, text):
    words, _ = split(text)
    kept, mask = by_ablation.kept_words(0.3, len(words)), undecided.tokenizer.mask_token
    found = run("ablation", undecided, text, keep=0.3, samples=300)

    def smoothed(other):
        answers = [
            answer(" ".join(word if at in shown else mask for at, word in enumerate(other)))
            for shown in itertools.combinations(range(len(other)), kept)
        ]
        return max(set(answers), key=answers.count)

    assert found.radius <= 1  # Of five words, one is shown: two that change are a majority of the masks.
    for place in range(len(words)) if found.radius else ():
        for new in WORDS:
            assert smoothed([*words[:place], new, *words[place + 1 :]]) == found.prediction


def test_overlaps_are_one_less_the_total_variation_distance():
    sets = {"a": ["b", "c"], "b": ["a"], "c": ["a", "b", "d"], "d": []}
    for word in sets:
        expected = 1.0
        for other in sets[word]:
            own, theirs = {word, *sets[word]}, {other, *sets[other]}
            distance = 0.5 * sum(
                abs((each in own) / len(own) - (each in theirs) / len(theirs)) for each in own | theirs
            )
            expected = min(expected, 1 - distance)
        assert by_substitution.overlap(word, lambda each: sets[each]) == pytest.approx(expected)
    assert by_substitution.radius_of(0.95, [0.8, 0.9, 1.0]) == 3
    assert by_substitution.radius_of(0.9, [0.8, 0.7, 1.0]) == 1
    assert by_substitution.radius_of(0.6, [0.8]) == 0


@pytest.mark.long(short=20, full=200)
def test_no_substitution_certificate_is_broken_by_the_words_of_its_sets(undecided, answer, amount):
    for text in texts(amount):
        hold_when_substituted(undecided, answer, text)


def hold_when_substituted(undecided, answer, text):
    words, _ = split(text)
    found = run("substitution", undecided, text, sets=clique, samples=300)

    def smoothed(other):
        answers = [answer(" ".join(each)) for each in itertools.product(*([w, *clique(w)] for w in other))]
        return max(set(answers), key=answers.count)

    assert found.words == sum(bool(clique(word)) for word in words)
    for chosen in itertools.product(*([word, *clique(word)] for word in words)):
        if sum(a != b for a, b in zip(chosen, words, strict=True)) <= found.radius:
            assert found.abstained or smoothed(chosen) == found.prediction


def test_noise_is_normal_with_that_deviation_on_every_token(classifier):
    asked, seen = question(classifier, "a very good film", sigma=0.2), []
    batch = dict(Victim(classifier).encode([asked.text]))
    norm = classifier.model.bert.embeddings.LayerNorm
    hook = norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    try:
        classifier.model(**batch)
        assert said_under_noise(asked, batch)(64).shape == (64,)
    finally:
        hook.remove()
    noise = seen[-1] - seen[0]
    assert noise.mean().abs() < 4 * 0.2 / math.sqrt(noise.numel())
    assert noise.std().item() == pytest.approx(0.2, rel=0.05)
    assert (noise.std(dim=(0, 2)) > 0.15).all()


def test_the_sentences_of_these_tests_are_of_both_kinds(undecided):
    """Some hold and some break, or the tests above would show nothing."""
    every = [run("enumeration", undecided, text) for text in texts(50)]
    assert {each.certified for each in every} == {True, False}
    assert {each.prediction for each in every} == {0, 1}
    for kind, values in (
        ("ablation", {"keep": 0.3}),
        ("gaussian", {"sigma": 0.05}),
        ("substitution", {"sets": clique}),
    ):
        found = [run(kind, undecided, text, samples=200, **values) for text in texts(8) if len(split(text)[0]) > 1]
        assert any(each.radius > 0 for each in found), kind


@pytest.mark.long(short=20, full=200)
def test_no_gaussian_certificate_is_broken_inside_its_radius(undecided, amount):
    """By steps of the certified length along the base model's gradient and at random, or where a climb on noisy copies ends."""
    for text in texts(amount):
        hold_in_noise(undecided, text)


def hold_in_noise(undecided, text):
    asked = question(undecided, text, sigma=0.05, samples=400)
    found = CERTIFICATES.get("gaussian").run(asked, None)
    if found.abstained:
        return
    assert found.radius == pytest.approx(0.05 * NormalDist().inv_cdf(found.p_low))
    batch = dict(Victim(undecided).encode([text]))
    gradient, _ = Victim(undecided).gradient(text, found.prediction)
    generator = torch.Generator().manual_seed(0)
    directions = [gradient[None], torch.randn(gradient[None].shape, generator=generator)]
    deltas = [0.999 * found.radius * unit_example(each) for each in directions]
    deltas.append(smoothed_end(asked, batch, found.prediction, 0.999 * found.radius, 5))
    for delta in deltas:
        there = vote(said_under_noise(replace(asked, seed=1), batch, delta), 400, 0.001)
        assert there.prediction == found.prediction or there.abstained


def test_a_certificate_in_words_and_numbers(classifier):
    found = analyse(
        "certify", classifier, text="a very good film with people", kind="gaussian", sigma=0.02, samples=100
    )
    document = found.document()
    wanted = {"kind", "prediction", "certified", "radius", "unit", "samples", "p_low", "abstained"}
    assert wanted <= set(document)
    assert document["unit"] == "embedding units" and document["prediction"] in classifier.labels
    if document["share"] == 1.0:
        assert "whatever the text" in found.verdict()
    assert found.proof.radius <= radius_of(binomial_low(100, 100, 0.05), 0.02) + 1e-12
    every = analyse("certify", classifier, text="good film", kind="enumeration", candidates=2, similar="en")
    assert every.proof.p_low is None and every.alpha == 0 and "The model says" in every.verdict()


@pytest.mark.parametrize("samples", [100, 1000])
def test_what_no_number_of_votes_could_show_is_not_promised(classifier, samples):
    """Of three words one is kept: with r = 2 changed ones p - 1 + 1/3 > 1/2 for no p, so that 1 is the most."""
    how = {"text": "good good good", "kind": "ablation", "samples": samples}
    found = analyse("certify", classifier, **how)
    assert found.proof.attainable == 1
    assert found.proof.share == 1.0 and found.proof.radius == 1
    assert "no number of them can show more" in found.verdict() and "more would show more" not in found.verdict()
    noise = analyse("certify", classifier, text="good good good", sigma=1e-4, samples=50)
    assert noise.proof.share == 1.0 and noise.proof.attainable is None and "more would show more" in noise.verdict()


def test_what_is_printed_is_never_more_than_what_is_proved(classifier):
    found = analyse("certify", classifier, text="good good good", sigma=0.01234567, samples=61)
    printed = float(re.search(r"‖δ‖ < ([\d.]+)", found.verdict()).group(1))
    assert 0.999 * found.proof.radius < printed <= found.proof.radius
    share = float(re.search(r"at least ([\d.]+)%", found.text()).group(1))
    assert share / 100 <= found.proof.p_low < 1
    sure = analyse("certify", classifier, text="good good good", sigma=1e-4, samples=50, alpha=0.999)
    assert "at least 100.0%" not in sure.text()


@pytest.mark.parametrize(
    "values, words",
    [
        ({"text": " "}, "empty"),
        ({"text": "good", "kind": "ablation"}, "at least two words"),
        ({"text": "...", "kind": "enumeration"}, "no words"),
        ({"text": "a good film", "kind": "enumeration", "most": 1, "similar": "en"}, "texts to try"),
        ({"text": "a good film", "sigma": 0}, "sigma must be"),
        ({"text": "a good film", "keep": 1}, "keep must be"),
        ({"text": "a good film", "alpha": 0}, "alpha must be"),
        ({"text": "a good film", "samples": 1}, "samples must be"),
        ({"text": "a good film", "kind": "magic"}, "Unknown certificate"),
        ({"text": "a good film", "site": "layer:99"}, "layer:99"),
        ({"text": "a good film", "kind": "ablation", "site": "layer:1"}, "site does nothing for ablation"),
        ({"text": "a good film", "kind": "gaussian", "keep": 0.5}, "keep does nothing for gaussian"),
    ],
)
def test_what_cannot_be_certified(classifier, values, words):
    with pytest.raises(UserError, match=words):
        analyse("certify", classifier, **values)


def test_a_regression_model_has_no_certificate(regressor):
    with pytest.raises(UserError, match="classes are needed"):
        analyse("certify", regressor, text="a good film")
