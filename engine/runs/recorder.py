"""What happens beside a run's training: its figures go into the database, and somebody may want it to stop."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
import torch
from safetensors.torch import save_file
from transformers import ProgressCallback, TrainerCallback

from engine import distributed
from engine.errors import Busy, NoRoom
from engine.methods.textat import TextAT
from engine.runs.lost import FOUND_AGAIN
from engine.runs.queue import own_process
from engine.runs.run import Run
from engine.runs.store import Store

IMPATIENCE = 0.2  # Seconds that a training step may wait for the database; figures are kept meanwhile.
PATIENCE = 600.0  # Seconds that the beginning and the end of a run wait for it.


class RunRecorder(TrainerCallback):
    """Writes live figures into the database."""

    def __init__(self, run: Run, keep_models: bool) -> None:
        self.run, self.spent, self.keep_models = run, run.seconds, keep_models
        self.trainer: Any = None
        self.began = time.monotonic()
        self._mark = (0, self.began)
        self._waiting: list[tuple[int, dict[str, float]]] = []

    @property
    def seconds(self) -> float:
        """Training time so far, earlier sittings included."""
        return self.spent + time.monotonic() - self.began

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note where it starts."""
        self._mark = (state.global_step, time.monotonic())
        patient = Store(PATIENCE)
        patient.forget_after(self.run.id, state.global_step)
        if not patient.figures(self.run.id):  # None, or lost with the database.
            self._waiting = past_figures(state.log_history)
        for file in (self.run.folder / "table").glob("*.safetensors"):
            if int(file.stem) > state.global_step:
                file.unlink()
        patient.update(self.run.id, max_steps=state.max_steps, step=state.global_step)
        self.write()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Loss, learning rate, δ norms, validation metrics, steps per second."""
        figures = figures_of(logs or {})
        if not figures:
            return
        if "loss" in figures:
            step, then = self._mark
            now = time.monotonic()
            if state.global_step > step and now > then:
                figures["steps_per_second"] = (state.global_step - step) / (now - then)
            self._mark = (state.global_step, now)
            figures["memory_mb"] = memory()
            table = getattr(getattr(self.trainer, "method", None), "table", None)
            if table is not None:
                figures["table_rows"] = len(table)
        self._waiting.append((state.global_step, figures))
        self.write()

    def write(self, patience: float = IMPATIENCE) -> None:
        """Put what was noted into the database; what does not go in now, since it is held or full, is kept for later.

        Raises:
            Busy, NoRoom: only with another patience than `IMPATIENCE`.
        """
        store = Store(patience)
        try:
            while self._waiting:
                step, figures = self._waiting[0]
                store.log(self.run.id, step, figures, seconds=self.seconds)
                self._waiting.pop(0)
        except (Busy, NoRoom):
            if patience != IMPATIENCE:
                raise

    def rewrite(self, history: list[dict[str, Any]]) -> None:
        """Note all figures of a training anew: the database that had them is gone."""
        self._waiting = past_figures(history)

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


def figures_of(logs: Mapping[str, Any]) -> dict[str, float]:
    """What is kept of what a Trainer logs."""
    return {
        name: float(value)
        for name, value in logs.items()
        if isinstance(value, int | float)
        and not name.startswith(("train_", "total_"))
        and not name.endswith(("_runtime", "_per_second"))
        and name not in ("epoch", "step")
    }


def past_figures(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, dict[str, float]]]:
    """The figures of a Trainer's own log, by step."""
    return [(int(each["step"]), figures) for each in history if "step" in each and (figures := figures_of(each))]


class Superseded(Exception):
    """The run was deleted, or another process does it now: this one must end, and leave the row alone."""


class Cancellation(TrainerCallback):
    """Stops the training, with a checkpoint, when the run is asked to; of several processes the first one looks.

    Raises:
        Superseded: the run is no longer this process's.
    """

    def __init__(self, run: Run, recorder: RunRecorder | None = None) -> None:
        self.run, self.asked, self.recorder = run, False, recorder

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look whether the run was cancelled."""
        asked = False
        if distributed.is_first():
            try:
                row = Store(IMPATIENCE).row_of(self.run.id)
            except (Busy, NoRoom):
                row = self.run  # Nobody can have asked.
            else:
                if row is not None and FOUND_AGAIN in row.info and row.status == "crashed":
                    row = self._claimed_again(row, state)
                if row is None or row.pid != os.getpid():
                    raise Superseded(f"{self.run.id} is no longer done by this process.")
            asked = row.cancel
        self.asked = bool(distributed.told_by_first("asked" if asked else ""))
        if self.asked:
            control.should_training_stop = True
            control.should_save = True

    def _claimed_again(self, row: Run, state: Any) -> Run | None:
        """The database was deleted while this process trained, and has found the run's folder: it is this process's."""
        info = {name: value for name, value in self.run.info.items() if name != FOUND_AGAIN}
        status = {**own_process(), "status": "running"}
        Store(PATIENCE).update(row.id, only_if=("crashed",), message="", info=info, max_steps=state.max_steps, **status)
        if self.recorder is not None:
            self.recorder.rewrite(state.log_history)
        return Store().row_of(row.id)


class ProgressBar(ProgressCallback):
    """Trainer's bar, on stderr, without the lines that it prints to stdout."""

    def on_log(self, *_: Any, **__: Any) -> None:
        """Print nothing."""

    def close(self) -> None:
        """End the bar's line, so that the next message starts on a new one."""
        if self.training_bar is not None:
            self.training_bar.close()


def memory() -> float:
    """The memory that this process uses now, in MB: the GPU's where there is one, else the machine's."""
    if torch.cuda.is_available():
        return torch.cuda.memory_reserved() / 2**20
    return psutil.Process().memory_info().rss / 2**20


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
