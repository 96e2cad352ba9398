"""The list of runs: filters, columns, tags, differences; many runs; curves smoothed and thinned."""

import time

import pytest

from app.panels.run_list import matches
from app.views import draw
from app.views.curves import smoothed
from engine.analysis.curves import flat, thinned
from engine.catalogue import analyse
from engine.errors import UserError
from engine.runs.config import TrainConfig
from engine.runs.store import Store
from engine.runs.tags import Tags


def made(name="", **settings):
    return Store().create(TrainConfig.build({"name": name, **settings}).as_dict(), status="completed")


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("", True),
        ("freelb", True),
        ("FREELB movie", True),
        ("pgd", False),
        ("-pgd", True),
        ("-freelb", False),
        ("completed keep", True),
        ("epsilon=0.5", True),
        ("epsilon=5e-1 ascent_steps=3", True),
        ("epsilon=0.4", False),
        ("-epsilon=0.4", True),
        ("-epsilon=0.5", False),
        ("method_settings.epsilon=0.5", True),
        ("nothing=0.5", False),
        ("epsilon=much", False),
    ],
)
def test_a_filter(words, there):
    run = made(method="freelb", method_settings={"epsilon": 0.5, "ascent_steps": 3})
    assert matches(run, flat(run.config), ["keep me"], words) is there


def test_tags_are_added_and_taken_away_for_several_runs_and_go_with_them():
    first, second = made(), made()
    Tags().change([first.id], ["one"])
    Tags().change([first.id, second.id], [" two  words "], ["one"])
    assert Tags().all() == {first.id: ["two words"], second.id: ["two words"]}
    Store().delete(first.id)
    assert Tags().all() == {second.id: ["two words"]}
    for wrong in ("", "x" * 41):
        with pytest.raises(UserError, match="1 to 40"):
            Tags().change([second.id], [wrong])


def test_what_differs_is_what_differs():
    first = made("a", method="pgd", method_settings={"epsilon": 0.5}, seed=1)
    second = made("b", method="pgd", method_settings={"epsilon": 0.25}, seed=1)
    table = draw("curves", "differences", analyse("curves", None, runs=[first.id, second.id])).table()
    rows = {row["setting"]: (row["a"], row["b"]) for _, row in table.iterrows()}
    assert rows == {"name": ("a", "b"), "epsilon": ("0.5", "0.25")}


def test_smoothing_is_the_weighted_mean_that_it_says():
    points = [(step, float(value)) for step, value in enumerate([3, 1, 4, 1, 5, 9, 2, 6])]
    found = smoothed(points, 0.7)
    for at, (step, value) in enumerate(found):
        weights = [0.7 ** (at - other) for other in range(at + 1)]
        mean = sum(weight * points[other][1] for other, weight in enumerate(weights)) / sum(weights)
        assert step == at and value == pytest.approx(mean, abs=1e-12)
    assert smoothed(points, 0.0) == points


def test_a_thinned_curve_keeps_its_ends_spikes_and_order():
    points = [(step, (step * 7919 % 1000) / 1000) for step in range(100_000)]
    points[54_321] = (54_321, 99.0)
    points[12_345] = (12_345, -99.0)
    found = thinned(points)
    assert len(found) <= 2000 and found == sorted(found) and set(found) <= set(points)
    assert max(found, key=lambda each: each[1]) == (54_321, 99.0) and min(found, key=lambda each: each[1]) == (
        12_345,
        -99.0,
    )
    assert found[0][0] < 200 and found[-1][0] >= 99_800
    assert thinned(points[:2000]) == points[:2000]


def test_the_page_lists_filters_and_tags(open_page):
    runs = [
        made(f"run {number}", method=method, seed=number) for number, method in enumerate(("pgd", "freelb", "freelb"))
    ]
    page = open_page("runs", filter="freelb seed=2")
    assert list(page.dataframe[0].value["run"]) == [runs[2].id]
    assert any("1 of 4 runs" in each.value for each in page.caption)
    page = open_page("runs", filter="no such run")
    assert [each.value for each in page.info] == [
        "No run has all of these words, which may be in its name, id, method, data, model, status or tags. Besides words there is"
        " -word (must not have) and setting=value (must be so), with spaces between."
    ] and not page.dataframe
    page = open_page("runs", columns="seed", runs=runs[1].id)
    assert list(page.dataframe[0].value["seed"])[:3] == [2, 1, 0]
    (tags,) = [each for each in page.multiselect if each.label.startswith("Tags of")]
    Tags().change([runs[0].id], ["keep"])
    page.run()
    (tags,) = [each for each in page.multiselect if each.label.startswith("Tags of")]
    tags.select("keep").run()
    assert Tags().all()[runs[1].id] == ["keep"]


@pytest.mark.alone
def test_five_thousand_runs_are_listed_in_under_a_second(open_page):
    document = TrainConfig.build({"method": "freelb"}).as_dict()
    first = Store().create(document, status="completed")
    with Store().writing() as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO runs (id, name, config,"
            " status, created, step, metrics) SELECT id || '-' || i, 'run ' || i, config, status, created - i, 10, '{}' FROM runs, n"
            " WHERE id = ?",
            (first.id,),
        )
    page = open_page("runs")
    began = time.perf_counter()
    page.run()
    assert time.perf_counter() - began < 1.0
    assert any("5,002 of 5,002 runs" in each.value for each in page.caption)
