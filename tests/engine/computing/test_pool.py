"""Computations in processes of their own: shared, cancelled, killed, none in another's way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.catalogue import analyse, load
from engine.computing.job import Job
from engine.computing.pool import GONE, Cancelled, Pool
from engine.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
TEXT = "a dull but good film"


@pytest.fixture(scope="module")
def offices(tmp_path_factory):
    """A pool whose processes keep their runs in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DELTABOOK_HOME", str(tmp_path_factory.mktemp("home")))
        pool = Pool()
        yield pool
    for lane in pool.lanes.values():
        if lane.process is not None:
            lane.process.kill()


def trace_of(small, text=TEXT, **more):
    values = {"text": text, "method": "pgd", "settings": {}, "seed": 0} | more
    return Job("analyse", "trace", str(small), load("trace", str(small)).fingerprint, values)


def endless(small, sentences, seed=0):
    """A job of minutes, which reports every batch."""
    values = {"dataset": str(sentences), "limit": 200, "samples": 20_000, "split": "train", "seed": seed}
    return Job("analyse", "sandwich", str(small), load("trace", str(small)).fingerprint, values)


def begun(ticket, seconds=60):
    until = time.monotonic() + seconds
    while not ticket.at[1]:
        assert time.monotonic() < until and not ticket.ended, ticket.problem
        time.sleep(0.02)


def test_a_result_is_that_of_this_process(offices, small):
    job, kept = trace_of(small), []
    ticket = offices.ask("trace", job, "me", long=False, then=kept.append)
    assert ticket.wait(60)
    found, seconds = ticket.get()
    here = analyse("trace", load("trace", str(small)), None, **job.values)
    assert (found.tokens, found.settings, found.label) == (here.tokens, here.settings, here.label)
    assert found.norms == pytest.approx(here.norms, rel=1e-4) and found.loss == pytest.approx(here.loss, rel=1e-4)
    assert seconds > 0 and kept == [(found, seconds)]


def test_who_asks_for_the_same_shares_it_and_one_that_cancels_does_not_end_it_for_others(offices, small, sentences):
    job = endless(small, sentences)
    first = offices.ask("shared", job, "me", long=True)
    assert offices.ask("shared", job, "you", long=True) is first
    begun(first)
    offices.cancel("shared", "me")
    assert not first.wait(2.5)
    offices.cancel("shared", "you")
    assert first.wait(3)
    with pytest.raises(Cancelled):
        first.get()


def test_a_quick_answer_does_not_wait_for_a_long_one(offices, small, sentences):
    long = offices.ask("long", endless(small, sentences), "me", long=True)
    begun(long)
    quick = offices.ask("quick", trace_of(small, "a good film"), "you", long=False)
    assert quick.wait(20) and not long.ended
    offices.cancel("long", "me")
    assert long.wait(3)


def test_what_nobody_waits_for_goes_on_until_somebody_asks_for_something(offices, small, sentences):
    left = offices.ask("left", endless(small, sentences), "me", long=True)
    begun(left)
    process = offices.lanes[True].process
    offices.leave("left", "me")
    at = left.at
    time.sleep(2)
    assert not left.ended and left.at != at  # Who comes back finds it further on.
    other = offices.ask("other", endless(small, sentences, seed=1), "me", long=True)
    assert left.wait(3)
    begun(other)
    assert offices.lanes[True].process is process  # It ended at a report: the model is still in memory.
    offices.cancel("other", "me")
    assert other.wait(3)


def test_what_waits_and_is_left_is_not_computed(offices, small, sentences):
    first = offices.ask("first", endless(small, sentences), "me", long=True)
    begun(first)
    second = offices.ask("second", endless(small, sentences, seed=2), "you", long=True)
    offices.leave("second", "you")
    assert second.wait(1) and not second.begun and not first.ended
    offices.cancel("first", "me")
    assert first.wait(3)


def test_a_job_that_does_not_report_is_ended_with_its_process(offices, small, sentences):
    stuck = offices.ask("stuck", endless(small, sentences), "me", long=True)
    begun(stuck)
    process = offices.lanes[True].process
    os.kill(process.pid, signal.SIGSTOP)  # It hears nothing.
    offices.cancel("stuck", "me")
    assert stuck.wait(5)
    process.wait(5)
    again = offices.ask("again", trace_of(small), "me", long=True)
    assert again.wait(60) and again.get()


def test_a_process_that_dies_is_said_and_the_next_job_gets_a_new_one(offices, small, sentences):
    lost = offices.ask("lost", endless(small, sentences), "me", long=True)
    begun(lost)
    offices.lanes[True].process.kill()
    assert lost.wait(5)
    with pytest.raises(UserError, match="process has ended"):
        lost.get()
    assert "fewer examples" in GONE
    again = offices.ask("after", trace_of(small), "me", long=True)
    assert again.wait(60) and again.get()


def test_what_is_refused_is_said_and_a_fault_brings_its_traceback(offices, small):
    wrong = offices.ask("wrong", trace_of(small, label="none of them"), "me", long=False)
    assert wrong.wait(60)
    with pytest.raises(UserError, match="none of them"):
        wrong.get()
    job = Job("no such thing", "trace", str(small), load("trace", str(small)).fingerprint, {})
    fault = offices.ask("fault", job, "me", long=False)
    assert fault.wait(60)
    with pytest.raises(RuntimeError, match="KeyError: 'no such thing'"):
        fault.get()


def test_a_model_that_has_changed_is_refused(offices, small):
    job = Job("analyse", "trace", str(small), "another", {"text": TEXT})
    ticket = offices.ask("changed", job, "me", long=False)
    assert ticket.wait(60)
    with pytest.raises(UserError, match="reload the page"):
        ticket.get()


def test_the_processes_end_with_the_one_that_started_them(tmp_path):
    code = "import time; from engine.computing.pool import Pool; pool = Pool(); pool.lanes[True].start(); print('there', flush=True); time.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "DELTABOOK_HOME": str(tmp_path)}
    )  # fmt: skip
    assert parent.stdout.readline() == b"there\n"
    children = psutil.Process(parent.pid).children()
    assert len(children) == 2
    parent.kill()
    parent.wait()
    gone, alive = psutil.wait_procs(children, timeout=30)
    assert len(gone) == 2 and not alive


def test_a_result_is_seen_as_far_as_it_has_come(offices, small, sentences):
    values = {"dataset": str(sentences), "limit": 150, "split": "train", "settings": {"ascent_steps": 30}}
    job = Job("analyse", "smoothness", str(small), load("smoothness", str(small)).fingerprint, values)
    ticket, seen = offices.ask("growing", job, "me", long=True), []
    while not ticket.wait(0.02):
        if ticket.so_far is not None and (not seen or seen[-1] is not ticket.so_far):
            seen.append(ticket.so_far)
    found, _ = ticket.get()
    assert seen and 0 < len(seen[0].examples) <= len(found.examples) == 150
    assert {one.place for one in seen[0].examples} <= {one.place for one in found.examples}
