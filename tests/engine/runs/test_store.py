"""The database of runs."""

import os
import sqlite3
import threading
import time

import psutil
import pytest

from engine.errors import UserError
from engine.home import home
from engine.runs.config import TrainConfig
from engine.runs.queue import own_process
from engine.runs.run import last_lines
from engine.runs.store import SILENT, Store


def create(name="", **more):
    return Store().create(TrainConfig.build({"name": name, **more}).as_dict())


def test_a_run_comes_back_as_it_was_written():
    run = create("första <b>körningen</b>", method="pgd", dataset="../../etc/pass wd.tsv")
    again = Store().get(run.id)
    assert again == run
    assert again.folder.parent == home() / "runs"
    assert run.id.startswith("pgd-pass-wd-")
    assert (run.folder / "config.json").exists()
    Store().log(run.id, 3, {"loss": 0.5, "delta_norm": 0.1}, seconds=2.0)
    Store().log(run.id, 4, {"loss": 0.4})
    assert Store().figures(run.id) == {"loss": [(3, 0.5), (4, 0.4)], "delta_norm": [(3, 0.1)]}
    assert Store().get(run.id).step == 4
    Store().forget_after(run.id, 3)
    assert Store().figures(run.id)["loss"] == [(3, 0.5)]


def test_finding_a_run():
    first, second = create("alpha", method="pgd"), create("beta", method="smart")
    store = Store()
    assert store.find(first.id) == store.find("alpha") == store.find("pgd") == first
    assert store.find("latest") == second
    assert [run.id for run in store.all()] == [second.id, first.id]
    newer = create("alpha", method="pgd")
    assert Store().called("alpha") == newer.id and Store().called(first.id) == first.id
    assert Store().called("gamma") is None
    with pytest.raises(UserError, match="means 2 runs"):
        store.find("alpha")
    with pytest.raises(UserError, match="There is no run 'gamma'"):
        store.find("gamma")


def test_deleting_takes_row_figures_and_files_but_not_of_an_active_run():
    run = create()
    Store().log(run.id, 1, {"loss": 1.0})
    Store().update(run.id, **own_process())
    with pytest.raises(UserError, match="cancel it first"):
        Store().delete(run.id)
    assert run.folder.exists()
    Store().update(run.id, status="completed")
    Store().delete(run.id)
    assert not run.folder.exists()
    assert Store().all() == []
    assert Store().figures(run.id) == {}


def test_a_run_whose_process_is_gone_is_crashed_and_says_its_last_words():
    run = create()
    run.log_file.write_text("line 1\nKilled by something\n")
    Store().update(run.id, **{**own_process(), "status": "running"})
    Store().reap()
    assert Store().get(run.id).status == "running"  # This very process lives.
    Store().update(run.id, pid=2**22 + 1)
    Store().reap()
    crashed = Store().get(run.id)
    assert crashed.status == "crashed"
    assert "Killed by something" in crashed.message


def test_a_reused_process_number_does_not_look_alive():
    run = create()
    Store().update(run.id, **{**own_process(), "status": "running"})
    Store().update(run.id, pid_started=psutil.Process(os.getpid()).create_time() - 100)
    Store().reap()
    assert Store().get(run.id).status == "crashed"


def test_a_process_on_another_host_is_gone_when_it_gives_no_sign():
    run = create()
    other = {"status": "running", "host": "another", "pid": 1, "pid_started": 0.0}
    Store().update(run.id, **other, started=time.time() - SILENT - 5)
    run.heartbeat_file.touch()
    Store().reap()
    assert Store().get(run.id).status == "running"
    silent = time.time() - SILENT - 5
    os.utime(run.heartbeat_file, (silent, silent))
    Store().reap()
    assert Store().get(run.id).status == "crashed" and "on another" in Store().get(run.id).message
    Store().update(run.id, **other, started=time.time())  # Just resumed there: its old sign does not count.
    Store().reap()
    assert Store().get(run.id).status == "running"


def test_many_writers_lose_nothing():
    run = create()
    problems = []

    def write(offset):
        try:
            for step in range(40):
                Store().log(run.id, offset * 100 + step, {f"loss{offset}": float(step)})
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=write, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert {name: len(points) for name, points in Store().figures(run.id).items()} == {f"loss{n}": 40 for n in range(4)}


def test_a_database_that_cannot_be_used_gives_a_message(monkeypatch, tmp_path):
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "runs.sqlite").write_bytes(b"this is no database, it is a text" * 50)
    with pytest.raises(UserError, match="cannot be"):
        create()
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("DELTABOOK_HOME", str(blocked / "below"))
    with pytest.raises(UserError, match="DELTABOOK_HOME"):
        Store()


def test_readers_are_not_held_up_by_a_writer():
    run = create()
    with sqlite3.connect(Store().path, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE runs SET step = 9")
        began = time.monotonic()
        assert Store().get(run.id).step == 0
        assert time.monotonic() - began < 2
        writer.execute("ROLLBACK")


def test_last_lines(tmp_path):
    path = tmp_path / "log.txt"
    assert last_lines(path) == ""
    path.write_bytes(b"\xff\n" * 30000 + b"a\nb\n")
    assert last_lines(path, 2) == "a\nb"
