"""The database held, full, or gone: who looks goes on, who trains loses nothing."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from engine.database import Database, _bring_up_to_date
from engine.errors import Busy, UserError
from engine.home import home
from engine.runs import queue, recorder
from engine.runs.execution import execute
from engine.runs.recorder import RunRecorder
from engine.runs.store import Store
from tests.engine.runs.test_faults import engine
from tests.engine.runs.test_queue import config, wait


def held(**options):
    other = sqlite3.connect(Store().path, isolation_level=None, timeout=30, **options)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_runs_are_listed_while_another_program_holds_the_database(encoder, sentences):
    Store().create(config(encoder, sentences).as_dict(), status="completed")
    other = held()
    began = time.monotonic()
    done = engine("runs", "--json")
    other.execute("ROLLBACK")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 1
    assert time.monotonic() - began < 25  # It waited for a second, not for the holder.


def test_a_writer_says_that_it_is_held_and_how_long_it_waited(encoder, sentences):
    Store().all()
    other = held()
    with pytest.raises(Busy, match=r"held by another program; it was waited for 0\.1 s"):
        Store(patience=0.1).create(config(encoder, sentences).as_dict())
    other.execute("ROLLBACK")


def test_a_training_goes_on_while_the_database_is_held_and_no_figure_is_missing(encoder, sentences, monkeypatch):
    run = Store().create(config(encoder, sentences, max_steps=40).as_dict(), status="starting")
    plain, holder, waiting = RunRecorder.write, [], []

    def write(self, patience=recorder.IMPATIENCE):
        step = self._waiting[-1][0] if self._waiting else 0
        if step == 5 and not holder:
            holder.append(held())
        if step == 15 and len(holder) == 1:
            holder.append(holder[0].execute("ROLLBACK"))
        plain(self, patience)
        waiting.append(len(self._waiting))

    monkeypatch.setattr(RunRecorder, "write", write)
    done = execute(run.id)
    assert done.status == "completed" and len(holder) == 2
    assert max(waiting) >= 10 and waiting[-1] == 0  # Kept meanwhile, and all written in the end.
    assert [step for step, _ in Store().figures(run.id)["loss"]] == list(range(1, 41))


def test_the_end_of_a_run_waits_for_minutes(encoder, sentences):
    run = Store().create(config(encoder, sentences, max_steps=4).as_dict(), status="running")
    other = held(check_same_thread=False)
    threading.Timer(2.0, lambda: other.execute("ROLLBACK")).start()
    patient = Store(recorder.PATIENCE)
    patient.update(run.id, status="completed")
    assert patient.get(run.id).status == "completed"
    assert recorder.PATIENCE >= 300


def lose_the_database():
    for file in home().glob("runs.sqlite*"):
        file.unlink()


def test_a_deleted_database_finds_the_runs_again_and_the_one_that_trains_goes_on(encoder, sentences):
    done = execute(Store().create(config(encoder, sentences, max_steps=4).as_dict(), status="starting").id)
    run = queue.submit(config(encoder, sentences, max_steps=100_000, settings={"evaluations": 1}))
    wait(run.id, lambda run: run.step >= 5)
    lose_the_database()
    found = wait(run.id, lambda run: run.status == "running" and run.pid is not None)
    assert {each.id for each in Store().all()} == {done.id, run.id}
    again = Store().get(done.id)
    assert (again.status, again.step, again.metrics, again.config) == ("completed", 4, done.metrics, done.config)
    assert found.config == run.config
    wait(run.id, lambda later, at=found.step: later.step > at + 400)
    queue.cancel(run.id)
    ended = wait(run.id, seconds=60)
    assert ended.status == "cancelled", ended.message
    steps = [step for step, _ in Store().figures(run.id)["loss"]]
    assert steps[0] < 400  # What was logged before the loss, too.


def test_a_reader_between_the_tables_and_the_lost_runs_misses_none(encoder, sentences):
    run = Store().create(config(encoder, sentences).as_dict())
    lose_the_database()
    with sqlite3.connect(Store().path, isolation_level=None) as made:  # Another process has come as far as the tables.
        _bring_up_to_date(made)
    made.close()
    assert Store().row_of(run.id) is not None


def test_a_run_found_after_its_process_ended_can_be_resumed_with_its_curves(encoder, sentences):
    run = queue.submit(config(encoder, sentences, max_steps=60, settings={"checkpoints": 9}))
    wait(run.id, lambda run: run.last_checkpoint is not None)
    queue.cancel(run.id)
    assert wait(run.id).status == "cancelled"
    lose_the_database()
    found = Store().get(run.id)
    assert found.status == "crashed" and "Found again in its folder" in found.message
    queue.resume(run.id, start=False)
    ended = execute(run.id)
    assert ended.status == "completed" and ended.step == 60
    assert [step for step, _ in Store().figures(run.id)["loss"]] == list(range(1, 61))


def test_what_is_no_run_is_not_found():
    (home() / "runs" / "odd").mkdir(parents=True)
    (home() / "runs" / "odd" / "config.json").write_text("{")
    (home() / "runs" / "other").mkdir()
    assert Store().all() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_is_called_full(tmp_path, encoder, sentences):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine mounts no disk")
    try:
        assert engine("runs", home=disk / "home").returncode == 0
        with pytest.raises(OSError), (disk / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(b"0" * 4096)
        looking = engine("runs", home=disk / "home")
        assert looking.returncode == 0 or "no room left" in looking.stderr, looking.stderr
        train = ["train", "--method", "vanilla", "--dataset", sentences, "--model", encoder, "--max-steps", 2]
        writing = engine(*train, home=disk / "home")
        assert writing.returncode == 2
        assert "no room left" in writing.stderr.splitlines()[-1].lower(), writing.stderr
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


GROW = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from engine.runs.store import Store
for _ in range(4000):
    Store().create({"method": "pgd", "dataset": "d" * 3000, "name": "", "max_steps": 1})
"""


def test_a_database_that_may_not_grow_is_no_room():
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        [sys.executable, "-c", GROW], cwd=queue.ROOT, preexec_fn=limited, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "There is no room left on the disk" in done.stderr, done.stderr[-500:]


def test_the_home_and_what_lies_in_it_are_its_owners_alone(encoder, sentences, monkeypatch, tmp_path):
    os.umask(0o022)
    run = Store().create(config(encoder, sentences).as_dict())
    Store().log(run.id, 1, {"loss": 1.0})
    assert home().stat().st_mode & 0o777 == 0o700
    for file in home().glob("runs.sqlite*"):
        assert file.stat().st_mode & 0o077 == 0, file
    home().chmod(0o755)  # As an older version left it.
    assert home().stat().st_mode & 0o777 == 0o700
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("DELTABOOK_HOME", str(shared))
    Store().all()
    assert home().stat().st_mode & 0o777 == 0o777  # All use it: it is not ours to close.
    assert Store().path.stat().st_mode & 0o777 == 0o600


def test_what_is_no_database_is_said():
    Database().path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    with pytest.raises(UserError, match="not a database"):
        Store().all()
