"""What may go wrong around a run: killed at any moment, no room, a locked database, a home that cannot be written to."""

import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerControl

from engine.errors import OutOfMemory
from engine.methods.freelb import FreeLB
from engine.runs import queue
from engine.runs.execution import execute
from engine.runs.queue import ROOT
from engine.runs.recorder import Cancellation, Superseded
from engine.runs.store import Store
from tests.engine.runs.test_queue import config, wait


def engine(*arguments, home=None, preexec=None):
    """One call of the command line in a process of its own."""
    environment = {**os.environ, "DELTABOOK_HOME": str(home or os.environ["DELTABOOK_HOME"])}
    return subprocess.run(
        [sys.executable, "-m", "engine", *map(str, arguments)], cwd=ROOT, env=environment, preexec_fn=preexec,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.long(short=1, full=20)
def test_killed_at_random_moments_it_ends_with_the_weights_of_an_undisturbed_run(encoder, sentences, amount):
    settings = {"checkpoints": 30, "evaluations": 3}
    long = {"method": "textat", "max_steps": 60, "settings": settings}
    whole = wait(queue.submit(config(encoder, sentences, **long)).id)
    chance = random.Random(5)
    kills = 0
    while kills < amount:
        run = queue.submit(config(encoder, sentences, **long))
        while kills < amount:
            end = time.monotonic() + chance.uniform(0, 1.5 * whole.seconds + 4)
            ended = wait(run.id, lambda run, end=end: run.status == "completed" or (run.pid and time.monotonic() > end))
            if ended.status == "completed":
                break
            os.kill(ended.pid, signal.SIGKILL)
            kills += 1
            crashed = wait(run.id, seconds=5)
            if crashed.status == "completed":  # It had ended, all but its process.
                break
            assert crashed.status == "crashed" and "ended without a word" in crashed.message
            queue.resume(run.id)
        done = wait(run.id)
        assert done.status == "completed", done.message
        for name in ("model.safetensors", "method.safetensors"):
            expected, found = load_file(whole.model_folder / name), load_file(done.model_folder / name)
            assert all(torch.equal(expected[key], found[key]) for key in expected)
        for curve in ("loss", "eval_accuracy"):
            assert Store().figures(run.id)[curve] == Store().figures(whole.id)[curve]


def test_out_of_memory_says_what_to_do_and_goes_on_with_half_the_batch(encoder, sentences, monkeypatch):
    plain, steps = FreeLB.accumulate, []

    def full(self, batch, scale, micro_batch):
        steps.append(len(batch.ids))
        if len(steps) > 5 and len(batch.ids) == 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return plain(self, batch, scale, micro_batch)

    monkeypatch.setattr(FreeLB, "accumulate", full)
    run = Store().create(
        config(encoder, sentences, max_steps=10, settings={"checkpoints": 9}).as_dict(), status="starting"
    )
    with pytest.raises(OutOfMemory, match=r"batch_size 8 and max_length 32.*--halve-batch"):
        execute(run.id)
    assert Store().get(run.id).status == "failed"
    queue.resume(run.id, start=False, halve_batch=True)
    done = execute(run.id)
    assert done.status == "completed" and done.step == 10
    assert (done.config["batch_size"], done.config["gradient_accumulation"]) == (4, 2)
    assert steps[:6] == [8] * 6 and 10 <= len(steps[6:]) <= 14 and set(steps[6:]) <= {4, 3, 2, 1}


def test_no_room_left_is_said_and_the_run_goes_on_when_there_is(encoder, sentences):
    arguments = ["--dataset", sentences, "--model", encoder, "--max-steps", 6, "--set", "checkpoints=6", "--set", "batch_size=8"]  # fmt: skip

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (160_000, 160_000))  # The optimiser's state does not fit in.

    failed = engine("train", "--method", "vanilla", *arguments, preexec=limited)
    assert failed.returncode == 2, failed.stderr
    assert "There is no room left to write to" in failed.stderr.splitlines()[-1]
    (run,) = Store().all()
    assert run.status == "crashed" and "no room left" in run.message
    assert Store().figures(run.id)["loss"]
    done = engine("resume", run.id, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "completed"


def test_a_database_locked_for_a_while_costs_nothing(encoder, sentences):
    run = queue.submit(config(encoder, sentences, max_steps=80))
    wait(run.id, lambda run: run.step >= 5)
    other = sqlite3.connect(Store().path, isolation_level=None, timeout=30)
    other.execute("BEGIN EXCLUSIVE")
    assert Store().get(run.id).status == "running"  # Readers are not held up.
    time.sleep(1.5)
    other.execute("ROLLBACK")
    done = wait(run.id)
    assert done.status == "completed"
    assert [step for step, _ in Store().figures(run.id)["loss"]] == list(range(1, 81))


def test_a_loss_that_is_not_finite_ends_the_run_with_a_message(encoder, tmp_path):
    path = tmp_path / "huge.tsv"
    path.write_text("sentence\tscore\n" + "".join(f"a film {place}\t1e30\n" for place in range(100)))
    failed = wait(queue.submit(config(encoder, path, method="vanilla")).id)
    assert failed.status == "failed"
    assert "The loss became inf at step 1" in failed.message and "learning rate" in failed.message


@pytest.mark.parametrize("home", ["/proc/deltabook", "/dev/null"])
def test_a_home_that_cannot_be_written_to_is_one_line(home):
    done = engine("runs", home=home)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "Set it to a writable folder" in done.stderr


def test_two_servers_on_one_home_start_every_run_once(encoder, sentences):
    for _ in range(12):
        Store().create(config(encoder, sentences).as_dict())
    script = (
        "from engine.runs import queue\n"
        "queue._launch = lambda store, run: print(run, flush=True)\n"
        "for _ in range(12): queue.advance()"
    )
    environment = {**os.environ, "DELTABOOK_PARALLEL": "12", "PYTHONPATH": str(ROOT)}
    servers = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    started = [line for server in servers for line in server.communicate(timeout=60)[0].split()]
    assert sorted(started) == sorted(run.id for run in Store().all())


def gone(pid, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        queue._CHILDREN[:] = [child for child in queue._CHILDREN if child.poll() is None]
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.1)
    return False


def test_a_process_whose_run_is_gone_or_is_done_by_another_ends_itself(encoder, sentences):
    run = queue.submit(config(encoder, sentences, max_steps=100_000, settings={"evaluations": 1}))
    first = wait(run.id, lambda run: run.step >= 2).pid
    with Store().writing() as connection:
        connection.execute(
            "UPDATE runs SET pid = ?, pid_started = ? WHERE id = ?",
            (os.getpid(), psutil.Process().create_time(), run.id),
        )
    assert gone(first)
    assert Store().get(run.id).status == "running" and Store().get(run.id).pid == os.getpid()
    look = Cancellation(Store().get(run.id))
    look.on_step_end(None, None, TrainerControl())  # It is this process's now, says its row.
    with Store().writing() as connection:
        connection.execute("DELETE FROM runs WHERE id = ?", (run.id,))
    with pytest.raises(Superseded):
        look.on_step_end(None, None, TrainerControl())
