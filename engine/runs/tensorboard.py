"""Runs as TensorBoard's logs: a folder per run, with its curves and its settings."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

from engine.errors import UserError
from engine.runs.run import Run
from engine.runs.store import Store


def write(runs: Sequence[Run], folder: Path) -> None:
    """Write every logged figure of the runs, at its step and its time, as scalars; the settings as text.

    Args:
        folder: gets a folder per run, named by its id (`tensorboard --logdir folder`). What lies in such a one from before is
            replaced.

    Raises:
        UserError: the folder cannot be written.
    """
    from tensorboardX import SummaryWriter

    try:
        for run in runs:
            own = folder / run.id
            for old in own.glob("events.out.tfevents.*"):
                old.unlink()  # TensorBoard would draw both.
            with SummaryWriter(str(own)) as writer:
                settings = json.dumps(run.config, indent=2, ensure_ascii=False)
                writer.add_text("settings", indent(settings, "    "), walltime=run.created)
                for name, step, value, time in Store().timed(run.id):
                    writer.add_scalar(name, value, step, walltime=time)
    except OSError as problem:
        raise UserError(f"{folder} cannot be written: {problem.strerror}.") from None


def zipped(runs: Sequence[Run]) -> bytes:
    """The same as one .zip."""
    with tempfile.TemporaryDirectory() as scratch:
        write(runs, Path(scratch, "logs"))
        return Path(shutil.make_archive(str(Path(scratch, "made")), "zip", Path(scratch, "logs"))).read_bytes()
