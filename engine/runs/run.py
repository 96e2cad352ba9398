"""A run: its row as it was read, and its files."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.home import home

ACTIVE = ("starting", "running")
RESUMABLE = ("cancelled", "crashed", "failed")
FINISHED = ("completed", *RESUMABLE)


@dataclass(frozen=True)
class Run:
    """A run's row. `seconds`: time spent training so far. `metrics`: final figures. `info`: device, precision, …"""

    id: str
    name: str
    config: dict[str, Any]
    status: str
    created: float
    started: float | None
    finished: float | None
    seconds: float
    step: int
    max_steps: int | None
    message: str
    metrics: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    pid: int | None = None
    pid_started: float | None = None
    host: str | None = None
    cancel: bool = False

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return home() / "runs" / self.id

    @property
    def model_folder(self) -> Path:
        """The finished model (`save_pretrained`)."""
        return self.folder / "model"

    @property
    def table_file(self) -> Path:
        """TextAT's table as it stood at the latest evaluation."""
        return self.folder / "table.safetensors"

    @property
    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that was written to its end (`trainer_state.json` is written last), else None."""
        whole = []
        for each in (self.folder / "checkpoints").glob("checkpoint-*"):
            try:
                whole.append((int(json.loads((each / "trainer_state.json").read_text())["global_step"]), each))
            except (OSError, ValueError, KeyError):
                continue
        return max(whole)[1] if whole else None

    @property
    def kept_models(self) -> dict[int, Path]:
        """Models kept at evaluations (`keep_models`), by optimiser step."""
        return {int(each.name): each for each in sorted((self.folder / "models").glob("[0-9]*"))}

    @property
    def log_file(self) -> Path:
        """What the worker printed."""
        return self.folder / "log.txt"

    @property
    def heartbeat_file(self) -> Path:
        """Touched by the process every few seconds: other hosts cannot look at the process itself."""
        return self.folder / "heartbeat"

    @property
    def title(self) -> str:
        """Its name, or what it does."""
        return self.name or f"{self.config['method']} on {Path(self.config['dataset']).name}"

    def document(self) -> dict[str, Any]:
        """As the CLI's JSON."""
        return {
            "run": self.id,
            "name": self.name,
            "dir": str(self.folder),
            "method": self.config["method"],
            "dataset": self.config["dataset"],
            "model": self.config["model"],
            "status": self.status,
            "steps": self.step,
            "max_steps": self.max_steps,
            "seconds": round(self.seconds, 3),
            "metrics": self.metrics,
            "message": self.message,
            "created": self.created,
            "config": self.config,
            "info": self.info,
        }


def last_lines(path: Path, count: int = 5, most: int = 1500) -> str:
    """The last lines of a text file, "" if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16384))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])[-most:]
