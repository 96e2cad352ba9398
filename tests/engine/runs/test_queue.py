"""Runs in processes of their own: the queue, cancelling, crashes, resuming. Real processes, small models."""

import json
import os
import time

import psutil
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, pipeline

from engine.catalogue import analyse
from engine.errors import UserError
from engine.runs import queue
from engine.runs.config import TrainConfig
from engine.runs.run import FINISHED
from engine.runs.store import Store
from engine.subjects.table import snapshots


def config(encoder, sentences, **values):
    settings = {"batch_size": "8", "learning_rate": "1e-3", "max_length": "32", "evaluations": "2"}
    settings |= {key: str(value) for key, value in values.pop("settings", {}).items()}
    return TrainConfig.build(
        {"method": "freelb", "dataset": str(sentences), "model": str(encoder), "max_steps": 8, **values}, settings
    )


def wait(identifier, condition=lambda run: run.status in FINISHED, seconds=90):
    """Look on, as a page does, until the run is as wanted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        queue.advance()
        run = Store().get(identifier)
        if condition(run):
            return run
        time.sleep(0.1)
    raise AssertionError(f"still {run.status} at step {run.step}: {run.message} {run.log_file.read_text()[-2000:]}")


def test_a_run_is_trained_in_its_own_process_and_loads_in_three_lines(encoder, sentences):
    # The tiny encoder's word embeddings are about 0.1 long: a larger ball would drown them.
    settings = {"learning_rate": 3e-3, "epsilon": 0.02, "start_magnitude": 0.01, "step_size": 0.005}
    run = queue.submit(config(encoder, sentences, method="textat", max_steps=120, name="mine", settings=settings))
    assert run.status == "starting"
    running = wait(run.id, lambda run: run.status != "starting")
    assert running.pid != os.getpid()
    done = wait(run.id)
    assert done.status == "completed", done.message
    assert done.step == done.max_steps == 120
    assert done.metrics["accuracy"] > done.metrics["majority"]
    curves = Store().figures(run.id)
    assert {"loss", "learning_rate", "delta_norm", "steps_per_second", "eval_accuracy", "table_rows"} <= set(curves)
    assert [step for step, _ in curves["eval_accuracy"]] == [60, 120]
    model = AutoModelForSequenceClassification.from_pretrained(done.model_folder)
    assert model.config.num_labels == 2
    classify = pipeline("text-classification", model=str(done.model_folder), device="cpu")
    assert classify("a wonderful film")[0]["label"] in ("0", "1")
    assert not (done.folder / "checkpoints").exists()
    # The table is part of the run, and so is its growth.
    found = analyse("table", done, top=5)
    assert [step for step, _ in snapshots(done)] == [60, 120]
    state = load_file(done.model_folder / "method.safetensors")
    norms = state["rows"].norm(dim=1)
    assert found.rows[0].norm == pytest.approx(norms.max().item())
    assert found.touched == len(state["tokens"])
    assert [step for step, _ in found.rows[0].growth][-1] == 120


def test_runs_wait_for_one_another_in_order(encoder, sentences):
    first, second, third = (queue.submit(config(encoder, sentences, seed=seed)) for seed in range(3))
    assert [first.status, second.status, third.status] == ["starting", "queued", "queued"]
    assert queue.cancel(second.id).status == "cancelled"
    done = wait(third.id)
    assert done.status == "completed", done.message
    assert Store().get(first.id).status == "completed"
    assert Store().get(first.id).finished <= done.started
    with pytest.raises(UserError, match="nothing to cancel"):
        queue.cancel(first.id)


def test_cancel_and_resume_end_with_the_weights_of_an_undisturbed_run(encoder, sentences):
    settings = {"checkpoints": 1}
    whole = queue.submit(config(encoder, sentences, method="textat", max_steps=60, settings=settings))
    wait(whole.id)
    run = queue.submit(config(encoder, sentences, method="textat", max_steps=60, settings=settings))
    wait(run.id, lambda run: run.step >= 3)
    queue.cancel(run.id)
    stopped = wait(run.id)
    assert stopped.status == "cancelled"
    assert 3 <= stopped.step < 60, stopped.message
    assert not stopped.model_folder.exists()
    queue.resume(run.id)
    done = wait(run.id)
    assert done.status == "completed", done.message
    for name in ("model.safetensors", "method.safetensors"):
        expected = load_file(Store().get(whole.id).model_folder / name)
        found = load_file(done.model_folder / name)
        assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert Store().figures(run.id)["loss"] == Store().figures(whole.id)["loss"]
    with pytest.raises(UserError, match="can be resumed"):
        queue.resume(run.id)


def test_a_run_that_is_told_to_end_was_interrupted_and_has_not_crashed(encoder, sentences):
    run = queue.submit(config(encoder, sentences, max_steps=2000))
    process = psutil.Process(wait(run.id, lambda run: run.step >= 3).pid)
    process.terminate()
    stopped = wait(run.id)
    assert (stopped.status, stopped.message.partition(";")[0]) == ("cancelled", "Interrupted")


def test_what_goes_wrong_in_the_worker_is_in_the_row(encoder, sentences):
    run = queue.submit(config(encoder, sentences, max_steps=5, settings={"learning_rate": 1.0, "max_gradient_norm": 0}))
    wait(run.id)
    missing = queue.submit(config(encoder, sentences.parent / "gone.tsv"))
    failed = wait(missing.id)
    assert failed.status == "failed"
    assert "There is no file" in failed.message


def test_two_lookers_never_start_a_run_twice(encoder, sentences, monkeypatch):
    launched = []
    monkeypatch.setattr(queue, "_launch", lambda store, identifier: launched.append(identifier))
    import threading

    store = Store()
    for seed in range(6):
        store.create(config(encoder, sentences, seed=seed).as_dict())
    monkeypatch.setenv("DELTABOOK_PARALLEL", "3")
    threads = [threading.Thread(target=queue.advance) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(launched) == len(set(launched)) == 3
    monkeypatch.setenv("DELTABOOK_PARALLEL", "many")
    with pytest.raises(UserError, match="DELTABOOK_PARALLEL"):
        queue.advance()


def test_the_worker_is_not_a_child_that_dies_with_its_parent(encoder, sentences):
    run = queue.submit(config(encoder, sentences, max_steps=100))
    running = wait(run.id, lambda run: run.status == "running")
    assert os.getsid(running.pid) == running.pid  # A session of its own: no terminal's or server's end reaches it.
    assert psutil.Process(running.pid).cmdline()[-1] == run.id
    queue.cancel(run.id)
    wait(run.id)
    assert json.loads((run.folder / "config.json").read_text())["max_steps"] == 100
