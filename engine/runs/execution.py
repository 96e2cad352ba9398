"""Doing one run, in the process that it is given: it trains, logs, and says how it ended."""

import json
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback

from engine import distributed
from engine.data.marks import ONE_CLASS
from engine.errors import NO_ROOM, NoRoom, OutOfMemory, UserError
from engine.process import keep_freed_memory, multiply_fast
from engine.runs.build import Job, build
from engine.runs.config import TrainConfig
from engine.runs.queue import own_process
from engine.runs.recorder import PATIENCE, Cancellation, ProgressBar, RunRecorder, Superseded, peak_memory
from engine.runs.run import Run
from engine.runs.store import Store

BEAT = 10.0  # Seconds between two signs of life.


def train(run: Run, progress: bool) -> None:
    """Train the run to its end, or until it is cancelled. Of several processes the first one keeps the books."""
    keep_freed_memory()
    multiply_fast()
    store, first = Store(PATIENCE), distributed.is_first()
    config = TrainConfig.build(run.config)
    recorder = RunRecorder(run, config.keep_models)
    job = build(config, run.folder)
    trainer = recorder.trainer = job.trainer
    cancellation, bar = Cancellation(run, recorder), ProgressBar()
    trainer.add_callback(cancellation)
    if first:
        trainer.add_callback(recorder)
        trainer.add_callback(bar if progress else PrinterCallback())
    checkpoint = distributed.told_by_first(str(_checkpoint(store, run) or "") if first else "")
    recorder.began = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=checkpoint or None)
    finally:
        bar.close()
        if first:
            recorder.write()
    seconds = recorder.seconds
    step, total = trainer.state.global_step, trainer.state.max_steps
    last = trainer.state.log_history[-1:] + trainer.state.log_history[-2:-1]
    evaluated = next((each for each in last if "eval_loss" in each and each["step"] == step), None)
    stopped = cancellation.asked and step < total
    if not stopped and evaluated is None:
        evaluated = trainer.evaluate()  # All processes together.
    if not first:
        return
    recorder.write(PATIENCE)
    if stopped or evaluated is None:
        message = f"Cancelled at step {step} of {total}; it can be resumed."
        store.update(run.id, status="cancelled", finished=time.time(), seconds=seconds, step=step, message=message)
        return
    _save(trainer, run)
    sentences = step * config.batch_size * config.gradient_accumulation * trainer.args.world_size
    info = {
        **run.info,
        "peak_memory_mb": peak_memory(),
        "device": str(trainer.args.device),
        "bf16": trainer.args.bf16,
        "torch": torch.__version__,
        "train_sentences": job.sentences,
        "validation_examples": job.validation,
        "processes": trainer.args.world_size,
        "sentences_per_second": sentences / max(seconds, 1e-9),
    }
    result = {
        "finished": time.time(), "seconds": seconds, "step": step, "metrics": _metrics(job, evaluated), "info": info
    }  # fmt: skip
    run.result_file.write_text(json.dumps(result))
    store.update(run.id, status="completed", **result)


def _checkpoint(store: Store, run: Run) -> Path | None:
    """Where to go on from. Damaged checkpoints are taken away, and it is said that they were."""
    found, problems = run.sound_checkpoint()
    for problem in problems:
        shutil.rmtree(run.folder / "checkpoints" / problem.split(" ", 1)[0], ignore_errors=True)
    if problems:
        at = f"from {found.name}" if found else "at step 0"
        message = f"It goes on {at}: {'; '.join(problems)}."
        print(message, file=sys.stderr)
        store.update(run.id, message=message)
    return found


def _metrics(job: Job, evaluated: dict[str, Any]) -> dict[str, Any]:
    """What the run is judged by, from its last evaluation."""
    metrics: dict[str, Any] = {
        name.removeprefix("eval_"): value
        for name, value in evaluated.items()
        if name.removeprefix("eval_") in (*job.metrics, "loss", ONE_CLASS)
    }
    metrics["main_metric"] = job.main_metric
    if job.majority is not None:
        metrics["majority"] = job.majority
    return metrics


def _save(trainer: Any, run: Run) -> None:
    """The model in its place, whole or not at all; the checkpoints have done their duty."""
    scratch = run.folder / "model.partial"
    shutil.rmtree(scratch, ignore_errors=True)
    trainer.save_model(str(scratch))
    trainer.save_method(scratch)
    shutil.rmtree(run.model_folder, ignore_errors=True)
    scratch.replace(run.model_folder)
    shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)


def assist() -> None:
    """What the processes after the first do: train the run that the first one names, and write nothing."""
    train(Run(**json.loads(distributed.told_by_first(""))), progress=False)


@contextmanager
def _heartbeat(run: Run) -> Iterator[None]:
    """Touch the run's `heartbeat_file` until the block is left; see `Store.reap`."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            with suppress(OSError):
                run.heartbeat_file.touch()

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


@contextmanager
def _ends_as_by_ctrl_c() -> Iterator[None]:
    """SIGTERM, as a scheduler or a shutdown sends it, is an interruption and no crash."""
    if threading.current_thread() is not threading.main_thread():  # Signals reach that one alone.
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def execute(identifier: str, *, progress: bool = False) -> Run:
    """Do a run that was claimed for this process, and say how it ended, whatever happens.

    Raises:
        UserError: bad input found only now; the run is `failed` and says why.
    """
    store = Store(PATIENCE)
    run = store.get(identifier)
    store.update(run.id, **{**own_process(), "status": "running"})
    try:
        distributed.told_by_first(json.dumps(asdict(run)))
        with _heartbeat(run), _ends_as_by_ctrl_c():
            train(run, progress)
    except UserError as problem:
        store.update(run.id, status="failed", finished=time.time(), message=str(problem))
        raise
    except KeyboardInterrupt:
        message = "Interrupted; it can be resumed from its last checkpoint."
        store.update(run.id, status="cancelled", finished=time.time(), message=message)
        raise
    except Superseded as problem:
        raise UserError(str(problem)) from None
    except Exception as problem:
        plain = _in_plain_words(problem, run)
        message = str(plain) if plain else f"{type(problem).__name__}: {problem}"
        status = "failed" if isinstance(plain, OutOfMemory) else "crashed"
        store.update(run.id, status=status, finished=time.time(), message=message[:1500])
        if plain is None:
            raise
        raise plain from None
    return store.get(run.id)


def _in_plain_words(problem: Exception, run: Run) -> UserError | None:
    """What a person can do about a machine that has no memory or no room left; None for all else."""
    said = str(problem)
    # torch's CPU allocator has no exception of its own; safetensors and torch.save say in words only what failed.
    if isinstance(problem, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in said:
        return OutOfMemory(
            f"The memory did not suffice for batch_size {run.config['batch_size']} and max_length"
            f" {run.config['max_length']}. Nothing is lost: `python -m engine resume {run.id} --halve-batch` goes on from"
            " the last checkpoint with half the batch and twice the accumulation: as many sentences per step."
        )
    words = [*(f"os error {number}" for number in NO_ROOM), "inline_container", "PytorchStreamWriter", "iostream error"]
    if getattr(problem, "errno", None) in NO_ROOM or any(each in said for each in words):
        return NoRoom(
            f"There is no room left to write to in {run.folder}. Free some, then resume the run: nothing is lost."
        )
    return None
