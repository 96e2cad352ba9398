"""Both sides of the truth, and the transfer of adversarial texts."""

from statistics import NormalDist

import pytest
import torch

from engine.catalogue import analyse
from engine.errors import UserError
from engine.robustness.attacks.margin import margin_loss
from engine.robustness.certificates import Question
from engine.robustness.smoothed import COPIES, SmoothedPGD, falls_at, smoothed_end
from engine.robustness.victim import Victim
from engine.subjects.classifier import precise
from tests.engine.robustness.conftest import undecided

__all__ = ["undecided"]
TEXT = "a very dull story with good music"


def question(classifier, text=TEXT, **values):
    plain = {"samples": 200, "alpha": 0.05, "keep": 0.5, "sigma": 0.05, "most": 1, "site": "embeddings", "seed": 0}
    return Question(classifier, text, None, lambda word: [], **{**plain, **values})


def test_the_certificate_lies_below_the_attack_for_every_sentence_and_radius(undecided, data):
    found = analyse(
        "sandwich", undecided, dataset=data, split="train", limit=16, epsilons=[0, 0.05, 0.1, 0.3, 1.0, 4.0], sigma=0.08
    )
    for each in found.sentences:
        assert each.radius == 0 or each.right
        assert each.flips is None or each.radius < each.flips
    for at in found.curve:
        assert at.certified <= min(at.attacked, at.clean)
    for name in ("certified", "attacked", "model_attacked"):
        values = [getattr(at, name) for at in found.curve]
        assert values == sorted(values, reverse=True)
    assert found.most == pytest.approx(0.08 * NormalDist().inv_cdf(0.05 ** (1 / 200)))
    assert all(each.radius <= found.most for each in found.sentences)
    first, last = found.curve[0], found.curve[-1]
    assert first.certified > 0 and last.certified == 0 and last.attacked < first.attacked
    assert {"certified", "attacked", "clean", "epsilon"} <= set(found.document()["curve"][0])


def test_the_smoothed_climb_follows_the_mean_gradient_of_its_copies(undecided):
    """One step from δ = 0 against the gradient written out."""
    classifier = precise(undecided)
    asked = question(classifier)
    batch = dict(Victim(classifier).encode([TEXT]))
    words = classifier.model.get_input_embeddings().weight[batch["input_ids"]].detach()
    generator = torch.Generator().manual_seed(asked.seed + 1)
    noise = torch.randn(COPIES, *words.shape[1:], generator=generator).double() * asked.sigma
    delta = torch.zeros_like(words, requires_grad=True)
    logits = classifier.model(
        inputs_embeds=words + delta + noise, attention_mask=batch["attention_mask"].expand(COPIES, -1)
    ).logits
    labels = torch.zeros(COPIES, dtype=torch.long)
    (gradient,) = torch.autograd.grad(margin_loss(logits, labels).sum(), delta)
    expected = 0.3 * gradient / gradient.norm()
    torch.testing.assert_close(smoothed_end(asked, batch, 0, 0.3, 1), expected, atol=1e-6, rtol=0)
    assert SmoothedPGD(0.3, 1, noise).epsilon == 0.3


def test_a_fall_is_shown_by_the_votes_and_not_by_chance(undecided):
    asked = question(undecided)
    batch = dict(Victim(undecided).encode([TEXT]))
    said = int(Victim(undecided)([TEXT])[0].argmax())
    nowhere = torch.zeros(1, *undecided.model.get_input_embeddings().weight[batch["input_ids"]].shape[1:])
    quiet = question(undecided, sigma=1e-6)
    assert not falls_at(quiet, batch, nowhere, said)
    assert falls_at(quiet, batch, nowhere, 1 - said)
    far = smoothed_end(asked, batch, said, 50.0, 10)
    assert falls_at(asked, batch, far, said)


def test_transfer_counts_what_fools_whom(undecided, classifier, data, tmp_path):
    names = []
    for name, each in (("one", undecided), ("two", undecided), ("three", classifier)):
        each.model.save_pretrained(tmp_path / name)
        each.tokenizer.save_pretrained(tmp_path / name)
        names.append(str(tmp_path / name))
    how = {"dataset": data, "split": "train", "limit": 30, "search": "greedy", "similar": "en", "least_similar": -1.0}
    found = analyse("transfer", None, models=names, most_changed=1.0, **how)
    assert found.texts[0] == found.texts[1] > 0
    # A model's own texts fool it, and its twin.
    assert found.fooled[0][:2] == [1.0, 1.0] and found.shown[0][:2] == [found.texts[0]] * 2
    own = analyse("word attack", undecided, most_changed=1.0, **how)
    won = [each for each in own.examples if each.success]
    victim = Victim(classifier)
    fooled = shown = 0
    for each in won:
        if int(victim([each.before])[0].argmax()) == each.label:
            shown += 1
            fooled += int(victim([each.after])[0].argmax()) != each.label
    assert found.shown[0][2] == shown
    assert found.fooled[0][2] == (fooled / shown if shown else None)
    if shown:
        assert f"{fooled} of {shown}" in found.text()
    assert f"{len(won)} of {len(won)}" in found.text()


def test_what_cannot_be_bounded(undecided, regressor, data, tmp_path):
    with pytest.raises(UserError, match="sigma must be"):
        analyse("sandwich", undecided, dataset=data, sigma=0)
    with pytest.raises(UserError, match="classes are needed"):
        analyse("sandwich", regressor, dataset=data)
    with pytest.raises(UserError, match="2 to 8 different"):
        analyse("transfer", None, models=["minilm"], dataset=data)
    regressor.model.save_pretrained(tmp_path / "score")
    regressor.tokenizer.save_pretrained(tmp_path / "score")
    with pytest.raises(UserError, match="classes are needed"):
        analyse("transfer", None, models=[str(tmp_path / "score"), "minilm"], dataset=data)
