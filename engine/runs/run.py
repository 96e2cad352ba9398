"""A run: its row as it was read, and its files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import manifest
from engine.data.marks import ONE_CLASS, collapsed, too_few
from engine.home import home

RUN = "run:"  # What a reference to a run begins with.
ACTIVE = ("starting", "running")
UNDER_WAY = ("queued", *ACTIVE)
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
        """The newest checkpoint that looks whole by its files' sizes, else None."""
        return next((each for each in self._checkpoints() if not manifest.damage(each, sizes_only=True)), None)

    def sound_checkpoint(self) -> tuple[Path | None, list[str]]:
        """The newest checkpoint whose files are what was written, and what is wrong with the newer ones; None for none."""
        problems: list[str] = []
        for each in self._checkpoints():
            problem = manifest.damage(each)
            if not problem:
                return each, problems
            problems.append(f"{each.name} is damaged: {problem}")
        return None, problems

    def _checkpoints(self) -> list[Path]:
        found = [
            (int(number), each)
            for each in (self.folder / "checkpoints").glob("checkpoint-*")
            if (number := each.name.removeprefix("checkpoint-")).isdigit()
        ]
        return [each for _, each in sorted(found, reverse=True)]

    @property
    def result_file(self) -> Path:
        """What its row held at the end, in case the database is lost."""
        return self.folder / "result.json"

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
        """Its name, or what it does; a site other than the word embeddings is part of that."""
        site = self.config.get("method_settings", {}).get("site", "embeddings")
        at = "" if site == "embeddings" else f" at {site}"
        return self.name or f"{self.config['method']}{at} on {Path(self.config['dataset']).name}"

    @property
    def mark(self) -> str:
        """Why its model says nothing of its inputs (see `data.marks.collapsed`); "" if it does, or nothing is known."""
        known = [self.metrics.get(name) for name in ("accuracy", "majority", ONE_CLASS)]
        return collapsed(*(float(value) if value is not None else None for value in known))

    @property
    def doubt(self) -> str:
        """Why its figures say nothing: its `mark`, or that there are too few examples (`data.marks.too_few`)."""
        return self.mark or too_few(self.info.get("validation_examples"))

    @property
    def marked_title(self) -> str:
        """Its title, with what makes its figures doubtful: for legends and tables."""
        return marked(self.title, self.doubt)

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
            "mark": self.doubt,
            "created": self.created,
            "config": self.config,
            "info": self.info,
        }


def marked(name: str, mark: str) -> str:
    """A model's name as it stands in legends and tables, with the mark of one that has collapsed."""
    return f"{name} ⚠ {mark}" if mark else name


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
