"""One's own runs in the columns of a published table."""

import pytest

from engine.data.glue import LAYOUTS
from engine.runs.config import TrainConfig
from engine.runs.store import Store
from engine.studies.own import own_gains, own_results
from engine.studies.published import SOURCES


def run(method, dataset, metrics, steps=100, status="completed"):
    config = TrainConfig.build({"method": method, "dataset": dataset, "model": "minilm"})
    made = Store().create(config.as_dict(), status="queued")
    Store().update(made.id, status=status, step=steps, metrics=metrics)
    return made


def test_medians_stand_in_the_right_columns_with_gains_over_own_vanilla():
    for accuracy in (0.80, 0.90, 0.84):
        run("freelb", "glue/mrpc@/data", {"accuracy": accuracy, "f1": accuracy + 0.05, "main_metric": "accuracy"})
    run("vanilla", "glue/mrpc@/data", {"accuracy": 0.82, "f1": 0.87, "main_metric": "accuracy"})
    run("vanilla", "glue/mrpc@/data", {"accuracy": 0.1, "f1": 0.1}, steps=7)
    run("vanilla", "glue/mrpc@/data", {}, status="crashed")
    run("pgd", "movie-sentiment", {"accuracy": 0.9})
    found = own_results("freelb-1")
    assert [(each.method, each.steps, each.runs) for each in found] == [
        ("vanilla", 7, 1),
        ("vanilla", 100, 1),
        ("freelb", 100, 3),
    ]
    freelb = found[-1]
    assert freelb.task == "MRPC" and freelb.column.startswith("MRPC")
    assert freelb.values == pytest.approx((84.0, 89.0))
    assert own_gains(found) == [(freelb.row, "MRPC", pytest.approx(2.0))]


@pytest.mark.parametrize(
    ("table", "name", "column"),
    [
        ("macbert-6", "lcqmc", "LCQMC dev"),
        ("macbert-6", "bq", "BQ Corpus dev"),
        ("macbert-6", "sst2", None),
        ("textat-2", "mnli", "MNLI-m/mm"),
        ("electra-leaderboard", "mnli", "MNLI-m"),
        ("electra-leaderboard", "mnli-mm", "MNLI-mm"),
    ],
)
def test_every_task_finds_its_column_or_none(table, name, column):
    run("vanilla", f"glue/{name}@/data", {metric: 0.5 for metric in LAYOUTS[name].metrics})
    assert [each.column for each in own_results(table)] == ([] if column is None else [column])


def test_every_table_has_a_column_for_some_task():
    for name in LAYOUTS:
        run("vanilla", f"glue/{name}@/data", {metric: 0.5 for metric in LAYOUTS[name].metrics})
    assert {table for table in SOURCES if own_results(table)} == set(SOURCES)
