"""A study on a Ray cluster of this machine alone, and of two nodes; what comes back is a run like all others."""

import sys
import threading
import time

import psutil
import pytest
from transformers import AutoModelForSequenceClassification

from engine.errors import UserError
from engine.runs.store import Store
from engine.studies import spread
from engine.studies.results import results
from engine.studies.studies import cells, study_from
from engine.studies.training import runs_of


def study(encoder, sentences, steps=4):
    return cells(
        study_from(
            {"methods": ["vanilla", "textat"], "seeds": [0, 1], "datasets": [str(sentences)], "models": [str(encoder)],
             "run": {"max_steps": steps, "batch_size": 8}}
        )
    )  # fmt: skip


def training_on(node):
    """The processes of a node's workers that do a cell."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [each for each in raylet.children(recursive=True) if "train_cell" in " ".join(each.cmdline())]


def test_a_run_done_elsewhere_becomes_one_of_ours(encoder, sentences, tmp_path, monkeypatch):
    cell = study(encoder, sentences)[2]
    home = tmp_path / "home"
    found = spread.train_cell(cell.config.as_dict(), cell.key)
    monkeypatch.setenv("DELTABOOK_HOME", str(home))
    run = spread.adopt(found)
    assert run.status == "completed" and run.step == 4 and run.folder.parent.parent == home
    assert AutoModelForSequenceClassification.from_pretrained(run.model_folder).config.num_labels == 2
    assert (run.model_folder / "method.safetensors").exists() and not (run.folder / "checkpoints").exists()
    assert len(Store().figures(run.id)["loss"]) == 4
    assert runs_of([cell])[cell.key].id == run.id


def test_what_fails_elsewhere_is_a_run_that_says_so(encoder, tmp_path, monkeypatch):
    cell = study(encoder, tmp_path / "missing.tsv")[0]
    home = tmp_path / "home"
    found = spread.train_cell(cell.config.as_dict(), cell.key)
    monkeypatch.setenv("DELTABOOK_HOME", str(home))
    assert spread.adopt(found).status == "failed" and "There is no file" in Store().all()[0].message


def test_a_study_on_a_cluster(encoder, sentences):
    wanted = study(encoder, sentences)
    seen = []
    runs = spread.train_on_ray(wanted, "spread", "local", seen.append)
    assert [runs[cell.key].status for cell in wanted] == ["completed"] * 4
    assert seen[-1]["completed"] == 4
    assert [len(row["values"]) for row in results(wanted, runs)] == [2, 2]
    before = {run.id for run in Store().all()}
    spread.train_on_ray(wanted, "spread", "local")
    assert {run.id for run in Store().all()} == before


def test_a_machine_that_dies_loses_no_cell_and_makes_none_twice(encoder, sentences):
    """A head that computes nothing and two nodes; one is killed while it trains."""
    from ray.cluster_utils import Cluster

    wanted = study(encoder, sentences, steps=100)[:3]
    there = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [there.add_node(num_cpus=1) for _ in range(2)]
    killed = []

    def kill() -> None:
        """Once both nodes train."""
        while len(trains := [each for node in nodes if (each := training_on(node))]) < 2:
            time.sleep(0.1)
        there.remove_node(nodes[1], allow_graceful=False)
        killed.append(trains)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        runs = spread.train_on_ray(wanted, "spread", there.address)
    finally:
        there.shutdown()
    killer.join(10)
    assert killed and [runs[cell.key].status for cell in wanted] == ["completed"] * 3
    assert sorted(run.info["cell"] for run in Store().all()) == sorted(cell.key for cell in wanted)
    assert all(len(Store().figures(run.id)["loss"]) > 0 and run.step == 100 for run in runs.values())


def test_without_ray_it_says_what_to_install(encoder, sentences, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="pip install 'ray"):
        spread.train_on_ray(study(encoder, sentences), "spread", "local")
