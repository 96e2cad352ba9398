"""Studies: every cell once, resumed after a kill, the same whatever runs beside it; the table's numbers by hand."""

import time

import numpy as np
import pytest

from engine.errors import UserError
from engine.runs import queue
from engine.runs.config import TrainConfig
from engine.runs.run import FINISHED
from engine.runs.store import Store
from engine.studies import results, studies, training

TINY = {"max_steps": 3, "batch_size": 8, "max_length": 32, "learning_rate": 1e-3}


def study(encoder, sentences, **more):
    return studies.study_from(
        {"name": "s", "methods": ["freelb", "vanilla"], "datasets": [str(sentences)], "models": [str(encoder)], "seeds": [0, 1],
         "run": TINY, **more}
    )  # fmt: skip


def finish(wanted):
    for _ in range(600):
        runs = training.advance(wanted)
        if all(cell.key in runs and runs[cell.key].status in FINISHED for cell in wanted):
            return runs
        time.sleep(0.2)
    raise AssertionError({run.id: (run.status, run.message) for run in Store().all()})


def test_all_combinations_with_sweeps(encoder, sentences):
    wanted = studies.cells(study(encoder, sentences, settings={"freelb": {"ascent_steps": [2, 3], "step_size": 0.2}}))
    assert [(cell.label, cell.seed) for cell in wanted] == [
        ("vanilla", 0), ("vanilla", 1), ("freelb, ascent_steps = 2", 0), ("freelb, ascent_steps = 2", 1),
        ("freelb, ascent_steps = 3", 0), ("freelb, ascent_steps = 3", 1),
    ]  # fmt: skip
    assert {cell.config.method_settings["step_size"] for cell in wanted if cell.method == "freelb"} == {0.2}
    assert len({cell.key for cell in wanted}) == 6


def test_a_budget_gives_every_method_the_steps_that_it_can_pay(encoder, sentences):
    """By hand: vanilla 3, PGD 2K + 3, FreeLB 3K, SMART 2T + 6 forward passes; FreeAT 3 for each of its m steps."""
    methods = ["vanilla", "pgd", "freelb", "smart", "freeat"]
    run = {name: value for name, value in TINY.items() if name != "max_steps"}
    settings = {"pgd": {"ascent_steps": [2, 3], "perturb_special_tokens": False}}
    of = {"methods": methods, "seeds": [0], "settings": settings}
    steps = {
        cell.label: cell.config.max_steps for cell in studies.cells(study(encoder, sentences, **of, run=run, budget=90))
    }
    assert steps == {
        "vanilla": 30, "pgd, ascent_steps = 2": 12, "pgd, ascent_steps = 3": 10, "freelb": 10, "smart": 11, "freeat": 30,
    }  # fmt: skip
    half = studies.cells(study(encoder, sentences, **of, run={**run, "gradient_accumulation": 2}, budget=90))
    assert half[0].config.max_steps == 15
    with pytest.raises(UserError, match="allows no step of pgd, which costs 7"):
        studies.cells(study(encoder, sentences, **of, run=run, budget=6))
    with pytest.raises(UserError, match="either a budget, or"):
        studies.cells(study(encoder, sentences, **of, budget=90))
    with pytest.raises(UserError, match="budget"):
        studies.cells(study(encoder, sentences, **of, run=run, budget=-1))


def test_the_key_is_of_the_content(encoder, sentences):
    first = studies.cells(study(encoder, sentences))[0]
    assert studies.cells(study(encoder, sentences, name="another"))[0].key == first.key
    sentences.write_text(sentences.read_text() + "one more good film\t1\n")
    assert studies.cells(study(encoder, sentences))[0].key != first.key


def test_a_killed_study_goes_on_and_trains_no_cell_twice(encoder, sentences):
    wanted = studies.cells(study(encoder, sentences))
    runs = training.advance(wanted)
    assert len(runs) == 4
    while not any(run.status == "completed" for run in training.runs_of(wanted).values()):
        queue.advance()
        time.sleep(0.05)
    import psutil

    for run in Store().all():
        if run.status == "running" and run.pid:
            psutil.Process(run.pid).kill()
    runs = finish(wanted)
    assert {run.status for run in runs.values()} == {"completed"}
    assert len(Store().all()) == 4
    before = {key: (run.id, run.finished) for key, run in runs.items()}
    assert {key: (run.id, run.finished) for key, run in finish(wanted).items()} == before
    rows = results.results(wanted, runs)
    assert [row["label"] for row in rows] == ["vanilla", "freelb"]
    for row in rows:
        own = [runs[cell.key] for cell in wanted if cell.label == row["label"]]
        assert row["values"] == {run.config["seed"]: run.metrics["accuracy"] for run in own}
        assert row["median"] == np.median([run.metrics["accuracy"] for run in own])
        assert row["cost"] == pytest.approx(row["seconds"] / rows[0]["seconds"])
        assert row["memory"] > 10
    assert "no claim: 2 common seeds" in rows[1]["verdict"]


def test_a_cell_does_not_depend_on_its_neighbours(encoder, sentences, monkeypatch, tmp_path):
    wanted = studies.cells(study(encoder, sentences, methods=["freelb"]))
    together = {key: run.metrics for key, run in finish(wanted).items()}
    monkeypatch.setenv("DELTABOOK_HOME", str(tmp_path / "alone"))
    alone = finish(wanted[1:])
    assert alone[wanted[1].key].metrics == together[wanted[1].key]


def row(label, values, **more):
    return {
        "dataset": "d", "model": "m", "method": label, "label": label, "swept": {}, "metric": "accuracy", "values": values,
        "median": float(np.median(list(values.values()))), "lowest": min(values.values()), "highest": max(values.values()),
        "passes": 30.0, "seconds": 10.0, "steps_per_second": 1.0, "memory": None, "cost": 1.0, "p": None, "verdict": "", **more,
    }  # fmt: skip


def test_claims_need_seeds_and_a_difference():
    base = row("vanilla", {seed: 0.80 + seed / 1000 for seed in range(8)})
    better = row("a", {seed: 0.85 + seed / 1000 for seed in range(8)})
    same = row("b", {seed: 0.80 + (-1) ** seed / 100 for seed in range(8)})
    few = row("c", {seed: 0.99 for seed in range(5)})
    assert results._against(better, base)[1] == "better than vanilla"
    assert results._against(base, better)[1] == "worse than vanilla"
    assert results._against(same, base)[1] == "no difference shown"
    assert "no claim: 5" in results._against(few, base)[1]


def test_the_table_in_every_format():
    plain, better = ({seed: values[seed % 2] for seed in range(6)} for values in ((0.8, 0.7), (0.9, 0.85)))
    rows = [row("vanilla", plain), row("freelb_&", better, verdict="no claim")]
    text = results.as_markdown(rows)
    assert "**0.875** (0.850 to 0.900; n = 6)" in text and "**0.750**" not in text
    latex = results.as_latex(rows)
    assert r"\textbf{0.875}" in latex and r"freelb\_\&" in latex
    assert len(results.as_csv(rows).strip().splitlines()) == 13
    two = {0: 0.9, 1: 0.85}
    for no_best in ((row("a", plain), row("b", plain)), (row("a", plain), row("b", better, mark="predicts one class")),
                    (row("a", two), row("b", {0: 0.1, 1: 0.2}))):  # fmt: skip
        assert "**" not in results.as_markdown(no_best).replace("method", "")


@pytest.mark.parametrize(
    "text, words",
    [
        ("methods = [", "not a readable study"),
        ("methods = []", "methods"),
        ('methods = ["nonsense"]', "Unknown method"),
        ('methods = ["electra"]', "pre-trains"),
        ('methods = ["pgd"]\nother = 1', "A study has"),
        ('methods = ["pgd"]\n[settings.pgd]\nnonsense = 1', "nonsense"),
        ('methods = ["pgd"]\n[settings.smart]\nepsilon = 1', "not among its methods"),
        ('methods = ["pgd"]\n[run]\nmax_steps = 0', "max_steps"),
    ],
)
def test_bad_studies_are_refused(tmp_path, text, words):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        studies.cells(studies.read_study(path))
    path.rename(path.with_suffix(".json"))
    with pytest.raises(UserError, match="must end in"):
        studies.read_study(path.with_suffix(".json"))


def test_a_saved_study_is_the_same_file_that_the_command_line_takes(encoder, sentences):
    made = study(encoder, sentences, name="My / study: ü")
    path = studies.save_study(made)
    assert studies.read_study(path) == made and list(studies.saved_studies().values()) == [path]
    studies.save_study(made)
    other = made.model_copy(update={"seeds": [4]})
    assert studies.read_study(studies.save_study(other, replace=True)) == other  # What a file says counts.
    studies.save_study(made, replace=True)
    with pytest.raises(UserError, match="already"):
        studies.save_study(made.model_copy(update={"seeds": [5]}))


def test_a_study_is_cancelled_waiting_runs_first_and_says_how_long_it_takes(monkeypatch):
    monkeypatch.setattr(queue, "_launch", lambda store, identifier: None)
    done = Store().create(TrainConfig.build({"method": "vanilla", "max_steps": 40}).as_dict(), status="completed")
    Store().update(done.id, seconds=20.0, step=40)
    wanted = studies.cells(
        studies.study_from({"name": "s", "methods": ["vanilla"], "seeds": [0, 1, 2], "run": {"max_steps": 40}})
    )
    runs = training.advance(wanted, "s")
    assert training.expected_left(wanted, runs) == pytest.approx(3 * 20.0)
    active = next(run for run in runs.values() if run.status == "starting")
    Store().update(active.id, step=10)
    assert training.expected_left(wanted, training.runs_of(wanted)) == pytest.approx(2.75 * 20.0)
    training.cancel(training.runs_of(wanted))
    states = [(run.status, run.cancel) for run in training.runs_of(wanted).values()]
    assert sorted(states) == [("cancelled", False), ("cancelled", False), ("starting", True)]
