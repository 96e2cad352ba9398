"""A study on a Ray cluster of this machine alone, where Ray is installed; what comes back is a run like all others."""

import importlib.util

import pytest
from transformers import AutoModelForSequenceClassification

from engine.errors import UserError
from engine.runs.store import Store
from engine.studies import spread
from engine.studies.results import results
from engine.studies.studies import cells, study_from
from engine.studies.training import runs_of


def study(encoder, sentences):
    return cells(
        study_from(
            {"methods": ["vanilla", "textat"], "seeds": [0, 1], "datasets": [str(sentences)], "models": [str(encoder)],
             "run": {"max_steps": 4, "batch_size": 8}}
        )
    )  # fmt: skip


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


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
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


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_says_what_to_install(encoder, sentences):
    with pytest.raises(UserError, match="pip install 'ray"):
        spread.train_on_ray(study(encoder, sentences), "spread", "local")
