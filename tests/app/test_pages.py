"""Every page's script: no exception, server time, nothing computed twice."""

import statistics
import time
from pathlib import Path

import pytest

from app.shell import state
from app.shell.keeping import shelf
from app.shell.navigation import SECTIONS
from engine import catalogue
from engine.runs.config import TrainConfig
from engine.runs.store import Store

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page[0] for pages in SECTIONS.values() for page in pages if page[0] != "home"]


@pytest.mark.alone
@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("electra", "projector")])
def test_a_page_once_loaded_takes_under_a_second_of_server_time(open_page, name):
    test = open_page(name)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        test.run()
        times.append(time.perf_counter() - began)
        assert not test.exception
    assert statistics.median(times) < 1.0


@pytest.mark.parametrize(
    "name, widget, value",
    [
        ("landscape", "height", "margin"),
        ("attribution", "label", None),
        ("smoothness", "seed", None),
    ],
)
def test_nothing_is_computed_again_by_a_widget_that_does_not_concern_it(open_page, monkeypatch, name, widget, value):
    calls = []
    real = catalogue.analyse

    def counted(*arguments, **values):
        calls.append(arguments[0])
        return real(*arguments, **values)

    monkeypatch.setattr(catalogue, "analyse", counted)
    shelf().held.clear()
    test = open_page(name)
    assert calls
    before = len(calls)
    if value is not None:
        test.button_group(key=widget).set_value([value]).run()
    else:
        test.run()
    assert not test.exception
    assert len(calls) == before


def test_ones_own_results_stand_beside_the_published_ones(open_page):
    query = {"view": "Published tables", "paper": "freelb-1"}
    assert any("Your own results stand here" in box.value for box in open_page("compare", **query).info)
    for method, accuracy in (("vanilla", 0.8), ("freelb", 0.83)):
        config = TrainConfig.build({"method": method, "dataset": "glue/rte@/data"})
        run = Store().create(config.as_dict())
        Store().update(run.id, status="completed", step=50, metrics={"accuracy": accuracy, "main_metric": "accuracy"})
    test = open_page("compare", **query)
    table = test.dataframe[0].value
    own = table[table[""] == "yours: freelb, minilm, 50 steps"]
    assert list(own["RTE (Acc)"]) == ["83.0"]
    assert "PGD" in list(table[""])


def test_what_a_person_marks_goes_to_the_database(monkeypatch):
    from app.panels import words
    from engine.robustness.marks import Marks
    from engine.robustness.words import Attacked

    won = [Attacked(f"a {at}", f"b {at}", [(0, "a", "b")], 1, 1, 0, 0.9, 0.1, 0.95, 9) for at in range(3)]
    seen, again = [], []
    monkeypatch.setattr(words.st, "rerun", lambda: again.append(True))
    for said in (["kept", "not kept", "?"], ["kept", "?", "?"], ["kept", "?", "?"]):
        monkeypatch.setattr(
            words.st,
            "data_editor",
            lambda frame, said=said, **_: (seen.append(frame), frame.assign(**{"meaning kept?": said}))[1],
        )
        words.mark_pairs(won)
    pairs = [(each.before, each.after) for each in won]
    assert Marks().of(pairs) == [True, None, None]
    assert [list(each["meaning kept?"]) for each in seen] == [["?"] * 3, ["kept", "not kept", "?"], ["kept", "?", "?"]]
    assert list(seen[0]["changed"]) == ["a → b"] * 3 and len(again) == 2  # Nothing was changed the last time.


def test_errors_are_a_box_and_not_a_traceback(open_page):
    for query, words in (
        ({"text": "  "}, "empty"),
        ({"of": "./nowhere"}, "must be a folder"),
    ):
        test = open_page("perturb", **query)
        assert words in test.error[0].value
    test = open_page("smoothness", dataset="/nowhere/x.tsv")
    assert "There is no file" in test.error[0].value


def test_what_an_address_asks_in_vain_is_said(open_page):
    def warned(page, **query):
        return " ".join(box.value for box in open_page(page, **query).warning)

    assert "epsilom" in warned("perturb", epsilom=3)
    page = open_page("perturb", **{"perturb-pgd-epsilon": -3})
    assert page.error[0].value == (
        'Epsilon must be a number from 0 to 1000000 \\(or tick "No epsilon"\\)\\. What is shown is for 0\\.5\\.'
    )
    assert page.text_area and not page.exception  # With the sentence, and a result.
    assert "there is no such method" in warned("perturb", method="nosuch")
    assert "there is no such view" in warned("perturb", view="nosuch")
    assert "there is no such kind" in warned("perturb", view="What is certain", kind="nosuch")
    asked = warned("perturb", method="freelb", **{"perturb-freelb-epsilon": 0.4, "seed": 3, "view": "One method"})
    assert "not allowed" not in asked and "no such" not in asked
    assert not any(name in asked for name in ("epsilon", "seed", "method"))


def test_text_of_others_is_shown_as_it_is():
    from app.drawing.tokens import token_strip
    from app.shell.layout import plain

    evil = '<img src=x onerror="alert(1)">[a](javascript:alert(1)) $x$ :red[b]'
    assert "<img" not in token_strip([evil], [1.0], 1.0, [evil], [False])
    assert "\\<img" in plain(evil) and "\\[a\\]" in plain(evil) and "\\$x" in plain(evil)


@pytest.mark.alone
def test_a_cached_figure_is_there_in_under_200_ms(small, sentences):
    from app.notebook.pins import drawn
    from engine.subjects.classifier import load_classifier

    classifier = load_classifier(str(small))
    for analysis, view, values in (
        ("landscape", "contour", {"text": "a dull but good film", "points": 41}),
        ("map", "map", {"dataset": str(sentences), "limit": 200, "epsilon": 0.5}),
    ):
        first = drawn(state.analyse(analysis, classifier, **values), view)
        began = time.perf_counter()
        again = drawn(state.analyse(analysis, classifier, **values), view)
        assert time.perf_counter() - began < 0.2
        assert again is first


@pytest.mark.parametrize(
    "key, value, said",
    [
        ("run-learning_rate", -1.0, "Learning rate must be"),
        ("run-max_steps", 0, "Max steps must be"),
        ("train-freelb-epsilon", -0.5, "Epsilon must be"),
    ],
)
def test_nothing_is_started_with_a_value_that_breaks_its_bounds(open_page, key, value, said):
    test, before = open_page("train"), Store().count()
    test.number_input(key=key).set_value(value)
    start = next(each for each in test.button if each.label == "Start training")
    start.click().run()  # In one go, as when a person types and clicks at once.
    assert not test.exception
    assert any(said in each.value for each in test.error)
    assert next(each for each in test.button if each.label == "Start training").disabled
    assert Store().count() == before
    test.number_input(key=key).set_value(1).run()
    assert not test.error and not next(each for each in test.button if each.label == "Start training").disabled
