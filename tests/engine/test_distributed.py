"""Two processes (gloo) train like one with as large a batch; one that is killed leaves a run that can be resumed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import SequentialSampler

from engine.methods import METHODS, get_method
from engine.ordering import ReplaySampler
from engine.runs import queue
from engine.runs.store import Store
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]


def launcher(*arguments, processes=2):
    """`torchrun` with some processes on this machine, on a port of its own."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
    start = [
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        processes,
        "--master-addr",
        "127.0.0.1",
        "--master-port",
        port,
    ]
    return [sys.executable, *map(str, start), *map(str, arguments)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    tiny.save_encoder(folder / "encoder")
    (folder / "sentences.tsv").write_text(tiny.sentences(240))
    script = "tests/engine/several_processes.py"
    for command in ([sys.executable, script, folder, "16"], launcher(script, folder, "8")):
        subprocess.run(list(map(str, command)), cwd=ROOT, check=True, timeout=300, capture_output=True)
    return folder, *(json.loads((folder / f"told-{count}.json").read_text()) for count in (1, 2))


@pytest.mark.parametrize("method", METHODS.names())
def test_two_processes_have_the_loss_curve_of_one(trained, method):
    folder, alone, together = trained
    assert len(alone[method]["losses"]) == 6 and len(set(alone[method]["losses"])) > 1
    assert together[method]["losses"] == pytest.approx(alone[method]["losses"], abs=1e-5)
    # The last batch is filled up with examples that were met already: near, not equal.
    assert together[method]["evaluated"] == pytest.approx(alone[method]["evaluated"], rel=1e-2)
    assert together[method]["norms"] == pytest.approx(alone[method]["norms"], abs=1e-5)
    first, second = (load_file(folder / f"{method}-{count}.safetensors") for count in (1, 2))
    assert max(float((first[name] - second[name]).abs().max()) for name in first) < 1e-5


@pytest.mark.parametrize("method", METHODS.names())
def test_gradients_are_exchanged_once_per_optimiser_step(trained, method):
    """All of them and the loss, whatever K is; with accumulation (FreeLB here) the first half-batch sends its loss only."""
    _, _, together = trained
    whole = together[method]["parameters"] + 1
    moving = [whole - 1] if get_method(method).moves_weights else []  # The gradients that say where the weights go.
    assert together[method]["exchanges"] == ([1, whole] if method == "freelb" else [*moving, whole]) * 6


def test_rows_of_four_processes_are_summed_whichever_way_is_cheaper():
    command = launcher("tests/engine/rows_of_four.py", processes=4)
    done = subprocess.run(command, cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_sharded_weights_get_the_gradients_of_whole_ones(tmp_path):
    """FSDP2 over two processes: every method, at the words and at a layer."""
    file = tmp_path / "told.json"
    subprocess.run(launcher("tests/engine/sharded.py", file), cwd=ROOT, check=True, timeout=120, capture_output=True)
    told = json.loads(file.read_text())
    able = {each.name for each in METHODS.all() if not each.moves_weights}
    assert {each.split()[0] for each in told} == able and "freelb layer:1" in told
    curves = {name: told.pop(name) for name in list(told) if name.endswith("curve")}
    assert len(curves) == len(able)
    for name, each in curves.items():  # Those of one process with the whole batch; stopped, saved whole, and gone on.
        assert len(set(each["alone"])) == 4, name
        assert each["together"] == pytest.approx(each["alone"], abs=1e-10), name
        assert each["resumed"] == pytest.approx(each["alone"], abs=1e-10), name
    for name, each in told.items():
        assert each["loss"] < 1e-12 and each["gradients"] < 1e-12 and each["largest"] > 0.01, name


def test_accelerate_launches_as_torchrun_does(tmp_path):
    """`accelerate launch` starts several processes of one machine by torchrun; --multi_gpu says that there are several."""
    encoder = tiny.save_encoder(tmp_path / "encoder")
    (tmp_path / "sentences.tsv").write_text(tiny.sentences(120))
    train = [
        "-m", "engine", "train", "--method", "freelb", "--dataset", tmp_path / "sentences.tsv", "--model", encoder,
        "--max-steps", "3", "--set", "batch_size=8",
    ]  # fmt: skip
    port = launcher()[-1]
    accelerate = [
        sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port, *map(str, train),
    ]  # fmt: skip
    for command in (launcher(*train), accelerate):
        subprocess.run(command, cwd=ROOT, check=True, timeout=120, capture_output=True)
    first, second = Store().all()
    assert {first.status, second.status} == {"completed"} and first.info["processes"] == second.info["processes"] == 2
    curves = [[value for _, value in Store().figures(run.id)["loss"]] for run in (first, second)]
    assert len(curves[0]) == 3 and curves[0] == pytest.approx(curves[1], abs=1e-6)
    assert first.metrics["loss"] == pytest.approx(second.metrics["loss"], abs=1e-6) and first.metrics["loss"] < 1


@pytest.mark.long(short=1, full=5)
def test_a_process_that_leaves_right_after_an_exchange_ends(amount):
    for _ in range(amount):
        subprocess.run(launcher("tests/engine/leaving.py"), cwd=ROOT, check=True, timeout=60, capture_output=True)


def test_the_table_is_the_same_in_both_and_that_of_one_process(trained):
    folder = trained[0]
    alone, first, second = (load_file(folder / f"table-{name}.safetensors") for name in ("1-0", "2-0", "2-1"))
    assert len(alone["tokens"]) > 20 and float(alone["rows"].norm()) > 0
    for name in alone:
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], alone[name], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("rows", "processes", "accumulation"),
    [(10, 2, 1), (9, 2, 2), (12, 3, 1), (2, 2, 1), (7, 1, 2), (10, 1, 2), (3, 1, 4)],
)
def test_every_process_replays_its_batches_as_often(rows, processes, accumulation):
    sampler = ReplaySampler(
        SequentialSampler(range(rows)), 4, False, replays=3, accumulation=accumulation, processes=processes
    )
    batches = list(sampler)
    assert len(batches) == len(sampler)
    for process in range(processes):
        own = [tuple(batch) for batch in batches[process::processes]]
        assert len(own) * processes == len(batches)
        assert all(own.count(batch) % 3 == 0 for batch in own)
        groups = [own[place : place + accumulation] for place in range(0, len(own), accumulation)]
        assert all(groups[place : place + 3] == [groups[place]] * 3 for place in range(0, len(groups), 3))
    assert {row for batch in batches for row in batch} == set(range(rows))
    assert processes == 1 or {len(batch) for batch in batches} == {4}


def test_a_killed_process_ends_the_run_as_crashed_and_it_can_be_resumed(tmp_path):
    encoder = tiny.save_encoder(tmp_path / "encoder")
    (tmp_path / "sentences.tsv").write_text(tiny.sentences(240))
    arguments = [
        "-m", "engine", "train", "--method", "freeat", "--dataset", tmp_path / "sentences.tsv", "--model", encoder,
        "--max-steps", "150", "--set", "batch_size=8", "--set", "checkpoints=40", "--set", "evaluations=1",
    ]  # fmt: skip
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(launcher(*arguments), cwd=ROOT, stdout=log, stderr=log)
    end = time.monotonic() + 120
    while not (Store().all() and Store().all()[0].step >= 20):
        assert time.monotonic() < end and process.poll() is None, (tmp_path / "log").read_text()[-2000:]
        time.sleep(0.05)
    run = Store().all()[0]
    others = [each for each in psutil.Process(process.pid).children(recursive=True) if each.pid != run.pid]
    victim = next(each for each in others if "engine" in each.cmdline())
    os.kill(victim.pid, signal.SIGKILL)
    assert process.wait(timeout=60) != 0
    queue.advance()
    crashed = Store().get(run.id)
    assert crashed.status == "crashed" and 20 <= crashed.step < 150, crashed.message
    assert len(Store().all()) == 1
    done = subprocess.run(
        launcher("-m", "engine", "resume", run.id, "--json"), cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-9000:-1500]
    document = json.loads(done.stdout)
    assert document["status"] == "completed" and document["steps"] == 150 and document["info"]["processes"] == 2
    steps = [step for step, _ in Store().figures(run.id)["loss"]]
    assert steps == sorted(set(steps)) and steps[-1] == 150
