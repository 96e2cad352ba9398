"""Cells run in the background: each with its own result, in order, whatever happens to the others."""

import time

import pytest

from app.notebook.running import Runner, Turn
from engine.computing.pool import Pool
from engine.notebook.cells import Content, Spec
from engine.notebook.store import Notebooks

TEXT = "a dull but good film"


@pytest.fixture(scope="module")
def offices():
    pool = Pool()
    yield pool
    for lane in pool.lanes.values():
        if lane.process is not None:
            lane.process.kill()


def trace(small, **values):
    values = {"method": "pgd", "settings": {}, "text": TEXT} | values
    return Spec(analysis="trace", view="tokens", subjects={"": str(small)}, values=values)


def endless(small, sentences):
    """A cell of minutes, which reports every batch."""
    values = {"dataset": str(sentences), "limit": 200, "samples": 20_000, "split": "train"}
    return Spec(analysis="sandwich", view="bounds", subjects={"": str(small)}, values=values)


def added(runner, *contents):
    made = Notebooks().create("a notebook", contents)
    cells = [cell.id for cell in Notebooks().cells(made.id)]
    runner.add([Turn(made.id, each) for each in cells])
    return made.id, cells


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("inline", [True, False])
def test_cells_run_in_order_and_one_that_fails_does_not_stop_the_rest(small, offices, inline):
    runner = Runner(None if inline else offices)
    wrong = trace(small).model_copy(update={"subjects": {"": "no-such-model"}})
    notebook, (first, second, third) = added(
        runner, Content(spec=trace(small)), Content(spec=wrong), Content(spec=trace(small, seed=1))
    )
    until(lambda: not runner.left(notebook))
    shown = [cell.content.shown for cell in Notebooks().cells(notebook)]
    assert shown[0]["kind"] == shown[2]["kind"] == "strips" and shown[1] is None
    assert "no-such-model" in runner.problems[second] and {first, third}.isdisjoint(runner.problems)
    assert runner.ended == 3
    facts = Notebooks().cell(first).content.facts
    assert facts["seconds"] > 0 and len(facts["models"]) == 1 and "checked" not in facts
    runner.add([Turn(notebook, first)])
    until(lambda: not runner.left(notebook))
    assert Notebooks().cell(first).content.facts["checked"].startswith("the same")


def test_what_is_written_while_a_cell_runs_is_kept_and_stop_ends_the_work(small, sentences, offices):
    runner = Runner(offices)
    long, short = Content(spec=endless(small, sentences)), Content(spec=trace(small))
    notebook, (first, second) = added(runner, long, short)
    until(lambda: runner.at[1] > 0)
    assert runner.left(notebook) == [first, second] and runner.is_waiting(second)
    Notebooks().write_note(first, "written meanwhile", was="")
    runner.stop(notebook + 1)  # Another notebook's: nothing here ends.
    assert runner.left(notebook) == [first, second]
    runner.stop(notebook)
    until(lambda: not runner.left(notebook), 10)
    until(lambda: all(lane.running is None for lane in offices.lanes.values()), 10)
    assert runner.problems[first].startswith("Stopped") and second not in runner.problems
    assert [cell.content.shown for cell in Notebooks().cells(notebook)] == [None, None]
    runner.add([Turn(notebook, first, trace(small))])
    until(lambda: not runner.left(notebook))
    after = Notebooks().cell(first).content
    assert after.note == "written meanwhile" and after.spec == trace(small) and after.shown["kind"] == "strips"
    assert first not in runner.problems


def test_a_model_that_was_trained_further_is_loaded_anew(small, offices, tmp_path):
    from shutil import copytree

    from safetensors.torch import load_file, save_file

    copied = copytree(small, tmp_path / "model")
    runner = Runner(offices)
    notebook, (cell,) = added(runner, Content(spec=trace(copied)))
    until(lambda: not runner.left(notebook))
    before = Notebooks().cell(cell).content
    weights = load_file(copied / "model.safetensors")
    weights["classifier.weight"] = -2 * weights["classifier.weight"]
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    runner.add([Turn(notebook, cell)])
    until(lambda: not runner.left(notebook))
    after = Notebooks().cell(cell).content
    assert after.facts["models"] != before.facts["models"] and "weights changed" in after.facts["checked"]
