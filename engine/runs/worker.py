"""The process of one run: `python -m engine.runs.worker RUN`. It trains, logs, and says how it ended."""

import json
import logging
import shutil
import sys
import time
import traceback
from dataclasses import asdict
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import PrinterCallback, ProgressCallback, TrainerCallback

from engine import distributed
from engine.errors import UserError
from engine.methods.textat import TextAT
from engine.runs.build import build
from engine.runs.config import TrainConfig
from engine.runs.queue import advance, own_process
from engine.runs.store import Run, Store, last_checkpoint


class RunRecorder(TrainerCallback):
    """Writes live figures into the database."""

    def __init__(self, store: Store, run: Run, keep_models: bool) -> None:
        self.store, self.run, self.spent, self.keep_models = store, run, run.seconds, keep_models
        self.trainer: Any = None
        self.began = time.monotonic()
        self._mark = (0, self.began)

    @property
    def seconds(self) -> float:
        """Training time so far, earlier sittings included."""
        return self.spent + time.monotonic() - self.began

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note where it starts."""
        self._mark = (state.global_step, time.monotonic())
        self.store.forget_after(self.run.id, state.global_step)
        for file in (self.run.folder / "table").glob("*.safetensors"):
            if int(file.stem) > state.global_step:
                file.unlink()
        self.store.update(self.run.id, max_steps=state.max_steps, step=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Loss, learning rate, δ norms, validation metrics, steps per second."""
        figures = {
            name: float(value)
            for name, value in (logs or {}).items()
            if isinstance(value, int | float)
            and not name.startswith(("train_", "total_"))
            and not name.endswith(("_runtime", "_per_second"))
            and name != "epoch"
        }
        if not figures:
            return
        if "loss" in figures:
            step, then = self._mark
            now = time.monotonic()
            if state.global_step > step and now > then:
                figures["steps_per_second"] = (state.global_step - step) / (now - then)
            self._mark = (state.global_step, now)
            table = getattr(getattr(self.trainer, "method", None), "table", None)
            if table is not None:
                figures["table_rows"] = len(table)
        self.store.log(self.run.id, state.global_step, figures, seconds=self.seconds)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep how TextAT's table stands, and the model if that was asked for."""
        if self.trainer is None:
            return
        method, folder = getattr(self.trainer, "method", None), self.run.folder / "table"
        if isinstance(method, TextAT) and method.table is not None:
            folder.mkdir(exist_ok=True)
            save_file(method.table.snapshot(), folder / f"{state.global_step:08d}.safetensors")
            partial = self.run.folder / "table.partial"
            save_file({name: tensor.cpu() for name, tensor in method.table.state_dict().items()}, partial)
            partial.replace(self.run.table_file)  # Readers see the whole table or the one before.
        if self.keep_models:
            self.trainer.save_model(str(self.run.folder / "models" / f"{state.global_step:08d}"))
        self._mark = (state.global_step, time.monotonic())  # The time of an evaluation is not training speed.


class Cancellation(TrainerCallback):
    """Stops the training, with a checkpoint, when the run is asked to; of several processes the first one looks."""

    def __init__(self, run: Run) -> None:
        self.run, self.asked = run, False

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look whether the run was cancelled."""
        self.asked = bool(
            distributed.told_by_first("x" if distributed.is_first() and Store().get(self.run.id).cancel else "")
        )
        if self.asked:
            control.should_training_stop = True
            control.should_save = True


class ProgressBar(ProgressCallback):
    """Trainer's bar, on stderr, without the lines that it prints to stdout."""

    def on_log(self, *_: Any, **__: Any) -> None:
        """Print nothing."""


def peak_memory() -> float:
    """The most memory that this process has used, in MB: the GPU's where there is one, else the machine's."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    try:
        import resource
    except ImportError:  # Windows.
        return 0.0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 2**20 if sys.platform == "darwin" else used / 2**10


def train(run: Run, progress: bool) -> None:
    """Train the run to its end, or until it is cancelled. Of several processes the first one keeps the books."""
    store, first = Store(), distributed.is_first()
    config = TrainConfig.build(run.config)
    recorder = RunRecorder(store, run, config.keep_models)
    job = build(config, run.folder)
    trainer = recorder.trainer = job.trainer
    cancellation = Cancellation(run)
    trainer.add_callback(cancellation)
    if first:
        trainer.add_callback(recorder)
        trainer.add_callback(ProgressBar() if progress else PrinterCallback())
    checkpoint = distributed.told_by_first(str(last_checkpoint(run.folder) or ""))
    recorder.began = time.monotonic()
    trainer.train(resume_from_checkpoint=checkpoint or None)
    seconds = recorder.seconds
    step, total = trainer.state.global_step, trainer.state.max_steps
    last = trainer.state.log_history[-1:] + trainer.state.log_history[-2:-1]
    evaluated = next((each for each in last if "eval_loss" in each and each["step"] == step), None)
    stopped = cancellation.asked and step < total
    if not stopped and evaluated is None:
        evaluated = trainer.evaluate()
    if not first:
        return
    if stopped:
        message = f"Cancelled at step {step} of {total}; it can be resumed."
        store.update(run.id, status="cancelled", finished=time.time(), seconds=seconds, step=step, message=message)
        return
    metrics: dict[str, Any] = {
        name.removeprefix("eval_"): value
        for name, value in (evaluated or {}).items()
        if name.removeprefix("eval_") in (*job.metrics, "loss")
    }
    metrics["main_metric"] = job.main_metric
    if job.majority is not None:
        metrics["majority"] = job.majority
    scratch = run.folder / "model.partial"
    shutil.rmtree(scratch, ignore_errors=True)
    trainer.save_model(str(scratch))
    trainer.save_method(scratch)
    shutil.rmtree(run.model_folder, ignore_errors=True)
    scratch.replace(run.model_folder)  # The folder is there whole or not at all.
    shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)
    sentences = step * config.batch_size * config.gradient_accumulation * trainer.args.world_size
    info = {
        **run.info,
        "peak_memory_mb": peak_memory(),
        "device": str(trainer.args.device),
        "bf16": trainer.args.bf16,
        "torch": torch.__version__,
        "train_sentences": job.sentences,
        "processes": trainer.args.world_size,
        "sentences_per_second": sentences / max(seconds, 1e-9),
    }
    store.update(
        run.id, status="completed", finished=time.time(), seconds=seconds, step=step, metrics=metrics, info=info
    )


def assist() -> None:
    """What the processes after the first do: train the run that the first one names, and write nothing."""
    train(Run(**json.loads(distributed.told_by_first(""))), progress=False)


def execute(identifier: str, *, progress: bool = False) -> Run:
    """Do a run that was claimed for this process, whatever comes, and say how it ended.

    Raises:
        UserError: bad input found only now; the run is `failed` and says why.
    """
    store = Store()
    run = store.get(identifier)
    store.update(run.id, **{**own_process(), "status": "running"})
    try:
        distributed.told_by_first(json.dumps(asdict(run)))
        train(run, progress)
    except UserError as problem:
        store.update(run.id, status="failed", finished=time.time(), message=str(problem))
        raise
    except KeyboardInterrupt:
        message = "Interrupted; it can be resumed from its last checkpoint."
        store.update(run.id, status="cancelled", finished=time.time(), message=message)
        raise
    except torch.OutOfMemoryError:
        message = "The device ran out of memory. Lower batch_size or max_length (and raise gradient_accumulation)."
        store.update(run.id, status="failed", finished=time.time(), message=message)
        raise UserError(message) from None
    except Exception as problem:
        message = f"{type(problem).__name__}: {problem}"
        store.update(run.id, status="crashed", finished=time.time(), message=message[:1500])
        raise
    return store.get(run.id)


def main() -> int:
    """Entry point of the worker process."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    try:
        execute(sys.argv[1])
    except UserError as problem:
        print(problem, file=sys.stderr)
        return 2
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        advance()
    return 0


if __name__ == "__main__":
    sys.exit(main())
