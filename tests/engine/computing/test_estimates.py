"""How long something is expected to take: from what was measured here, in proportion to the work."""

import json

import pytest

from engine.analysis import ANALYSES
from engine.computing.estimates import FILE, MOST, SIZE, TYPICAL, ask_above, estimate, learn, overhead_words, reckoned
from engine.home import home

OF = ANALYSES.get("robust accuracy")
ASKED = {"dataset": "movie-sentiment", "limit": 20, "steps": 5, "epsilons": [0.0, 0.1]}


def test_before_the_first_time_it_is_another_machines_in_proportion_to_the_work():
    there = json.loads(TYPICAL.read_text())["robust accuracy"]["seconds"]
    assert estimate(OF, {}) == pytest.approx(there)
    defaults = {name: schema.get("default") for name, schema in OF.Settings.schema().items()}
    half = {"limit": defaults["limit"] // 2, "steps": defaults["steps"] * 3}
    assert estimate(OF, half) == pytest.approx(1.5 * there)
    assert estimate(OF, {}, size=2 * SIZE) == pytest.approx(2 * there)
    assert estimate(ANALYSES.get("curves"), {}) is None


def test_then_it_is_this_machines_last_time():
    learn(OF, ASKED, 3.0)
    assert estimate(OF, ASKED) == 3.0
    assert estimate(OF, ASKED | {"limit": 40}) == pytest.approx(6.0)
    assert estimate(OF, ASKED | {"epsilons": "0.1"}) == pytest.approx(1.5)  # As a page gives them.
    assert estimate(OF, ASKED, size=3 * SIZE) == pytest.approx(9.0)  # Of another model nothing is known.
    learn(OF, ASKED, 4.0)
    assert estimate(OF, ASKED) == 4.0
    learn(OF, ASKED | {"limit": 80}, 10.0)  # What does not grow in proportion is taken from the nearest.
    assert estimate(OF, ASKED | {"limit": 60}) == pytest.approx(7.5)
    assert estimate(OF, ASKED) == 4.0
    learn(OF, ASKED | {"attack": "apgd"}, 100.0)
    assert estimate(OF, ASKED) == 4.0 and estimate(OF, ASKED | {"attack": "apgd"}) == 100.0


def test_a_small_piece_of_work_says_nothing_of_a_large_one():
    there = estimate(OF, ASKED | {"limit": 2000})
    learn(OF, ASKED, 50.0)  # Most of it loading.
    assert estimate(OF, ASKED | {"limit": 2000}) == there
    assert estimate(OF, ASKED | {"limit": 200}) == pytest.approx(500.0)


def test_a_longer_text_and_a_methods_own_steps_are_more_work():
    trace = ANALYSES.get("trace")
    learn(trace, {"text": "w " * 20, "settings": {"ascent_steps": 5}}, 1.0)
    alone = json.loads(TYPICAL.read_text())["trace"]["overhead_words"]  # What does not grow with the text.
    longer = estimate(trace, {"text": "w " * 100, "settings": {"ascent_steps": 10}})
    assert alone > 0 and longer == pytest.approx(2 * (100 + alone) / (20 + alone))
    assert reckoned(trace, {"text": "w " * 20, "settings": {}}, 2.0) == pytest.approx(2 * (10 + alone) / (20 + alone))


def test_what_does_not_grow_with_a_text_is_found_from_two_texts():
    took = {words: 0.2 + 0.01 * words for words in (13, 104)}  # As long as 20 words, whatever the text.
    assert overhead_words((13, took[13]), (104, took[104])) == pytest.approx(20)
    assert overhead_words((13, 1.0), (104, 8.0)) == 0.0  # In proportion.
    assert overhead_words((13, 1.0), (104, 9.0)) == 0.0  # More than in proportion.
    assert overhead_words((13, 1.0), (104, 0.9)) == 0.0  # Nothing to go by.


def test_what_is_remembered_is_bounded_and_a_damaged_file_is_begun_anew():
    for number in range(MOST + 5):
        learn(OF, {"dataset": f"data {number}"}, 1.0)
    assert len(json.loads((home() / FILE).read_text())) == MOST
    (home() / FILE).write_text("{")
    assert estimate(OF, {}) is not None
    learn(OF, ASKED, 2.0)
    assert estimate(OF, ASKED) == 2.0


def test_from_when_on_a_person_is_asked_can_be_set(monkeypatch):
    assert ask_above() == 5.0
    monkeypatch.setenv("DELTABOOK_ASK_ABOVE", "60.5")
    assert ask_above() == 60.5
