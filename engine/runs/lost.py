"""Runs whose row is gone with the database, read from their folders."""

import json
from pathlib import Path
from typing import Any

from engine.home import home
from engine.runs.config import TrainConfig
from engine.runs.run import Run

FOUND_AGAIN = "found_again"  # In `info`: no process has claimed it since.


def lost_runs(known: set[str]) -> list[dict[str, Any]]:
    """Rows for the folders of runs that have none, as columns by name; a folder that is not a run's is skipped."""
    return [
        row
        for folder in sorted((home() / "runs").glob("*"))
        if folder.name not in known and (row := _row(folder)) is not None
    ]


def _row(folder: Path) -> dict[str, Any] | None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = TrainConfig.build(config).as_dict()
        created = (folder / "config.json").stat().st_mtime
    except (OSError, ValueError, TypeError):
        return None
    run = Run(folder.name, config["name"], config, "crashed", created, None, None, 0.0, 0, config["max_steps"], "")
    try:
        result = json.loads(run.result_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        result = {}
    complete = (run.model_folder / "config.json").exists()
    checkpoint = run.last_checkpoint
    return {
        "id": run.id,
        "name": run.name,
        "config": json.dumps(config),
        "status": "completed" if complete else "crashed",
        "created": created,
        "finished": result.get("finished"),
        "seconds": float(result.get("seconds", 0.0)),
        "step": int(result.get("step", checkpoint.name.removeprefix("checkpoint-") if checkpoint else 0)),
        "max_steps": result.get("step", config["max_steps"]),
        "message": "Found again in its folder: the database had lost it, and its curves." if not complete else "",
        "metrics": json.dumps(result.get("metrics", {})),
        "info": json.dumps({**result.get("info", {}), FOUND_AGAIN: True}),
    }
