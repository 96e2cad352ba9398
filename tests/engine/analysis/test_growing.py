"""Results as far as they have come: what is shown early is what the whole result says of the same examples, or the same ε."""

from statistics import fmean

import pytest

from engine.analysis.smoothness import BATCH, divergences
from engine.analysis.smoothness_curve import method_at
from engine.catalogue import analyse
from engine.subjects.samples import Sample


class Listener:
    """Keeps everything that is offered."""

    def __init__(self):
        self.found = []

    def __call__(self, done, of):
        pass

    def so_far(self, made):
        self.found.append(made())


@pytest.fixture
def grown(classifier, sentences):
    """Of an analysis: the results as far as they had come, and the whole one."""

    def grow(analysis, **values):
        listener = Listener()
        whole = analyse(analysis, classifier, listener, dataset=str(sentences), split="train", **values)
        assert len(listener.found) > 1
        return listener.found, whole

    return grow


def test_smoothness_by_examples(grown):
    found, whole = grown("smoothness", limit=100, settings={})
    counts = [len(each.examples) for each in found]
    assert counts == sorted(set(counts)) and counts[-1] == len(whole.examples) == 100
    values = {each.place: each.adversarial for each in whole.examples}
    for each in found:
        assert all(one.adversarial == values[one.place] for one in each.examples)


def test_smoothness_against_epsilon_by_examples(grown, classifier, sentences):
    found, whole = grown("smoothness curve", limit=20)
    assert found[-1] == whole and len(found) == 3
    table = Sample(dataset=str(sentences), split="train", limit=20).table(classifier)
    first = sorted(range(20), key=lambda place: len(classifier.tokenizer(table["text"].iloc[place])["input_ids"]))[
        :BATCH
    ]
    for point in found[0].curve:
        own = divergences(classifier, table, method_at(point.epsilon), effects=0)
        assert point.adversarial == pytest.approx(fmean(own[place].adversarial for place in first), rel=1e-6)
        assert point.random == pytest.approx(fmean(own[place].random for place in first), rel=1e-6)


def test_accuracy_against_epsilon_by_points(grown):
    found, whole = grown("robust accuracy", limit=20, epsilons="0,0.1,0.5", steps=2, restarts=1)
    assert [each.curve for each in found] == [whole.curve[: count + 1] for count in range(3)]


def test_accuracy_of_several_batches_is_that_of_the_examples_attacked(grown):
    found, whole = grown("robust accuracy", limit=70, epsilons="0,0.5", steps=2, restarts=1)
    assert found[-1].curve == whole.curve
    widths = [each.curve[0].high - each.curve[0].low for each in found]
    assert widths[-1] < widths[0]  # Of 32 examples less is known than of 70.


def test_word_attacks_by_texts(grown):
    found, whole = grown("word attack", limit=6)
    assert [len(each.examples) for each in found] == [1, 2, 3, 4, 5, 6]
    assert found[-1].examples == whole.examples
    assert all(one in whole.examples for each in found for one in each.examples)
