"""The word attack on the smoothed classifier of random masks, and both bounds in words."""

import pytest
import torch

from engine.catalogue import analyse
from engine.errors import UserError
from engine.robustness.certificates import Question
from engine.robustness.certificates.ablation import ablation, masked, radius_of, said_when_masked
from engine.robustness.masked import MASKS, MaskedVictim, changes_in_order, smallest_fall
from engine.robustness.searches.greedy import greedy
from engine.robustness.smoothed import falls
from engine.robustness.victim import Victim

SWAPS = {"good": ["bad", "dull"], "film": ["music", "two words"], "very": ["quite"], "dull": ["good", "fine"]}
TEXT = "a very good film"


def question(classifier, text=TEXT, **values):
    return Question(classifier, text, None, lambda word: SWAPS.get(word, []), **{"samples": 200, "keep": 0.5, **values})


def test_the_search_sees_the_mean_over_the_same_masks(undecided):
    asked = question(undecided)
    texts = [TEXT, "a very dull film"]
    found = MaskedVictim(asked)(texts)
    for row, text in enumerate(texts):
        generator = torch.Generator().manual_seed(asked.seed + 1)
        plain = Victim(undecided)([masked(text, 0.5, "[MASK]", generator) for _ in range(MASKS)]).mean(dim=0)
        torch.testing.assert_close(found[row], plain)
    hidden = masked(TEXT, 0.5, "[MASK]", torch.Generator().manual_seed(0)).split()
    assert hidden.count("[MASK]") == 2 and len(hidden) == 4


def test_changes_are_single_words_one_more_each_time(undecided):
    label = int(Victim(undecided)([TEXT])[0].argmax())
    texts, fallen = changes_in_order(Victim(undecided), greedy, question(undecided), label, 3)
    for count, text in enumerate(texts, start=1):
        words = text.split()
        assert len(words) == 4
        assert sum(a != b for a, b in zip(words, TEXT.split(), strict=True)) == count
    assert fallen == (bool(texts) and int(Victim(undecided)(texts[-1:])[0].argmax()) != label)


def test_a_fall_is_what_votes_show(undecided):
    asked = question(undecided, keep=0.75)
    said = int(said_when_masked(asked)(200).mode().values)
    assert falls(said_when_masked(asked), 1 - said, 0.05) or ablation(asked, None).abstained
    assert not falls(said_when_masked(asked), said, 0.05)
    fell = smallest_fall(greedy, asked, said, 3)
    assert fell is None or 1 <= fell <= 3


def test_the_certificate_lies_below_the_attack_for_every_sentence(undecided, data):
    found = analyse(
        "word sandwich",
        undecided,
        dataset=data,
        split="train",
        limit=24,
        keep=0.25,
        most_words=4,
        similar="en",
        samples=100,
    )
    for each in found.sentences:
        assert each.radius is None or each.right
        assert not (each.right and each.wrong)
        assert each.flips is None or (each.radius or 0) < each.flips
        assert (each.radius or 0) <= radius_of(1.0, each.words, max(1, round(0.25 * each.words)))
    for at in found.curve:
        assert at.certified <= min(at.attacked, at.clean)
    assert [at.words for at in found.curve] == [0, 1, 2, 3, 4]
    for name in ("certified", "attacked", "model_attacked"):
        values = [getattr(at, name) for at in found.curve]
        assert values == sorted(values, reverse=True)
    first = found.curve[0]
    unknown = sum(not each.right and not each.wrong for each in found.sentences) / len(found.sentences)
    assert first.clean > 0 and first.attacked == pytest.approx(
        first.clean + unknown
    )  # What is not shown is not taken away.


def test_what_has_no_words_to_mask(undecided, regressor, tmp_path):
    file = tmp_path / "short.tsv"
    file.write_text("sentence\tlabel\n" + "".join(f"word{at}\t{at % 2}\n" for at in range(60)))
    with pytest.raises(UserError, match="at least two words"):
        analyse("word sandwich", undecided, dataset=str(file), similar="en")
    with pytest.raises(UserError, match="classes are needed"):
        analyse("word sandwich", regressor, dataset=str(file))
    with pytest.raises(UserError, match="keep must be"):
        analyse("word sandwich", undecided, keep=1.0)


def test_an_abstention_is_no_success_of_an_attack(undecided, data, monkeypatch):
    """Where votes are split they show nothing: neither a certificate nor a fall."""
    from engine.robustness.certificates import ablation as module

    monkeypatch.setattr(module, "said_when_masked", lambda asked: lambda count: torch.arange(count) % 2)
    monkeypatch.setattr(
        "engine.robustness.masked.said_when_masked", lambda asked: lambda count: torch.arange(count) % 2
    )
    found = analyse("word sandwich", undecided, dataset=data, split="train", limit=6, samples=50, similar="en")
    assert not any(each.wrong for each in found.sentences)
    assert {at.certified for at in found.curve} == {0.0} and {at.attacked for at in found.curve} == {1.0}
