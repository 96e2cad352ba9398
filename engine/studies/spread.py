"""A study's runs on several machines, by Ray (an optional package). The machines share nothing: results come back whole."""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from engine.errors import UserError
from engine.runs.queue import ROOT
from engine.runs.run import Run
from engine.runs.store import Store
from engine.studies.studies import StudyCell
from engine.studies.training import progress_of, runs_of

RETRIES = 3  # Of a run whose machine fails; not for ever, since a run may be what fells the machine.


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # A cluster that it starts here tells nobody of it.
    try:
        import ray
    except ImportError:
        raise UserError("--ray takes the package ray, which is not installed: pip install 'ray==2.60.0'.") from None
    return ray


def train_cell(config: dict[str, Any], cell: str) -> dict[str, Any]:
    """Do one run in a home of its own, on whatever machine this is; returns its row, figures and files."""
    from engine.runs.execution import execute

    with tempfile.TemporaryDirectory() as folder:
        os.environ["DELTABOOK_HOME"] = folder
        store = Store()
        run = store.create(config, status="starting", info={"cell": cell})
        try:
            execute(run.id)
        except Exception as problem:  # The row says what happened; the other cells go on.
            print(problem, file=sys.stderr)
        run = store.get(run.id)
        files = {
            str(path.relative_to(run.folder)): path.read_bytes()
            for path in sorted(run.folder.rglob("*"))
            if path.is_file() and "checkpoints" not in path.parts
        }
        return {"run": asdict(run), "figures": store.figures(run.id), "files": files}


def adopt(found: dict[str, Any]) -> Run:
    """Put a run that was done elsewhere among the runs here: files first, the row last."""
    store, row = Store(), dict(found["run"])
    for name in ("config", "metrics", "info"):
        row[name] = json.dumps(row[name])
    store.all()  # A new database takes in the runs that lie beside it: before this one does.
    folder = store.path.parent / "runs" / row["id"]
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in found["files"].items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    with store.writing() as connection:
        names = ", ".join(row)
        connection.execute(f"INSERT INTO runs ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        connection.executemany(
            "INSERT INTO figures VALUES (?, ?, ?, ?, ?)",
            [
                (row["id"], step, name, value, time.time())
                for name, curve in found["figures"].items()
                for step, value in curve
            ],
        )
    return store.get(row["id"])


def train_on_ray(
    wanted: Sequence[StudyCell], name: str, address: str, said: Callable[[dict[str, int]], None] = lambda _: None
) -> dict[str, Run]:
    """Train the missing cells of a study on a Ray cluster; returns the runs of all cells as they are afterwards.

    Each run takes a GPU where the cluster has any, else all of a machine's CPUs but what others hold. A run whose machine
    fails is done again by another one, `RETRIES` times at most; then it is missing: start the study again. Nothing of a run is kept
    before it has ended, so that none is there twice.

    Args:
        address: `auto` for the cluster that this machine belongs to, `host:port`, or `local` for this machine
            alone.
        said: called with the cells' progress whenever one ends.

    Raises:
        UserError: Ray is not installed, or there is no cluster at the address.
    """
    ray = _ray()
    try:
        ray.init(
            address, log_to_driver=False, include_dashboard=False if address == "local" else None,
            runtime_env={"py_modules": [str(ROOT / "engine")]},
        )  # fmt: skip
    except Exception as problem:  # Ray raises many kinds; all mean that the cluster is not to be had.
        reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
        raise UserError(f"No Ray cluster at {address!r}: {reason}. Give auto, local or HOST:PORT.") from None
    try:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        cpus = [int(each["Resources"].get("CPU", 0)) for each in ray.nodes() if each["Alive"]]
        # A head may have no CPU to give.
        needs = {"num_gpus": 1} if gpus else {"num_cpus": min(filter(None, cpus), default=1)}
        remote = ray.remote(max_retries=RETRIES, **needs)(train_cell)
        there = runs_of(wanted)
        pending = {}
        for cell in wanted:
            if cell.key not in there or there[cell.key].status != "completed":
                pending[remote.remote(cell.named(name).as_dict(), cell.key)] = cell
        while pending:
            ready, _ = ray.wait(list(pending), num_returns=1)
            for each in ready:
                cell = pending.pop(each)
                try:
                    adopt(ray.get(each))
                except ray.exceptions.RayError as problem:
                    print(f"{cell.label}, seed {cell.seed}: {type(problem).__name__}", file=sys.stderr)
            said(progress_of(wanted, runs_of(wanted)))
    finally:
        ray.shutdown()
    return runs_of(wanted)
