"""The cells of a study as runs in the queue; a cell is never trained twice."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from engine.data.builtin import TASKS
from engine.errors import UserError
from engine.model_names import BUILTIN
from engine.runs import queue
from engine.runs.config import is_pretraining
from engine.runs.estimates import Times
from engine.runs.run import ACTIVE, RESUMABLE, UNDER_WAY, Run
from engine.runs.store import Store
from engine.studies.studies import StudyCell, key_of


def _key_of_run(run: Run) -> str:
    if "cell" in run.info:
        return str(run.info["cell"])
    # What a file held when another run read it is not known: such a run counts only for built-in data and models.
    return key_of(run.config) if run.config["dataset"] in TASKS and run.config["model"] in BUILTIN else ""


def runs_of(wanted: Sequence[StudyCell]) -> dict[str, Run]:
    """The best run there is for each cell, by its key: completed before active before one that could be resumed."""
    rank = {"completed": 0, "running": 1, "starting": 1, "queued": 2}
    keys = {cell.key for cell in wanted}
    found: dict[str, Run] = {}
    for run in Store().all():
        if is_pretraining(run.config["method"]):
            continue
        key = _key_of_run(run)
        if key in keys and (key not in found or rank.get(run.status, 3) < rank.get(found[key].status, 3)):
            found[key] = run
    return found


def advance(wanted: Sequence[StudyCell], name: str = "", *, restart: bool = False) -> dict[str, Run]:
    """Queue what is missing and resume what crashed; returns the cells' runs as they are now.

    A run that was cancelled by hand is resumed only with `restart`; one that failed (bad input, out of memory) never.
    """
    queue.advance()
    there = runs_of(wanted)
    for cell in wanted:
        run = there.get(cell.key)
        if run is None:
            queue.submit(cell.named(name), {"cell": cell.key})
        elif run.status == "crashed" or (restart and run.status == "cancelled"):
            queue.resume(run.id)
    return runs_of(wanted)


def progress_of(wanted: Sequence[StudyCell], runs: Mapping[str, Run]) -> dict[str, int]:
    """How many cells are `completed`, `active`, `queued`, `cancelled`, `failed` (crashed too) and `missing`."""
    states = [runs[cell.key].status if cell.key in runs else "missing" for cell in wanted]
    return {
        "completed": states.count("completed"),
        "active": sum(state in ACTIVE for state in states),
        "queued": states.count("queued"),
        "cancelled": states.count("cancelled"),
        "failed": sum(state in RESUMABLE and state != "cancelled" for state in states),
        "missing": states.count("missing"),
    }


def expected_left(wanted: Sequence[StudyCell], runs: Mapping[str, Run]) -> float | None:
    """Seconds that the cells which have not ended are expected to train, one after another; None where no finished run tells."""
    times, total = Times(Store().latest("completed", most=300)), 0.0
    for cell in wanted:
        run = runs.get(cell.key)
        if run is not None and run.status not in UNDER_WAY:
            continue
        seconds = times.expected(cell.config.as_dict())
        if seconds is None:
            return None
        total += seconds * (1 - run.step / run.max_steps if run is not None and run.max_steps else 1.0)
    return total


def cancel(runs: Mapping[str, Run]) -> None:
    """Cancel all runs that train or wait, the waiting ones first, so that none of them begins meanwhile."""
    for run in sorted(runs.values(), key=lambda run: run.status != "queued"):
        if run.status in UNDER_WAY and not run.cancel:
            with suppress(UserError):  # It has just ended.
                queue.cancel(run.id)


def check_inputs(wanted: Sequence[StudyCell]) -> None:
    """Look at every data set and model of a study before any of its runs exists.

    Raises:
        UserError: says what is wrong.
    """
    from engine.data.sources import load_dataset
    from engine.runs.build import check

    for dataset in dict.fromkeys(cell.dataset for cell in wanted):
        if load_dataset(dataset).task.tags:
            raise UserError(f"{dataset} has a label for every word: studies compare models of whole texts.")
    for config in {(cell.dataset, cell.model): cell.config for cell in wanted}.values():
        check(config)


def train_in_queue(wanted: Sequence[StudyCell], name: str, said: Callable[[dict[str, int]], None]) -> dict[str, Run]:
    """Train the missing cells of a study through the queue; returns the runs of all cells as they are afterwards.

    Args:
        said: called with the cells' progress whenever it changes.
    """
    runs = advance(wanted, name, restart=True)
    last: dict[str, int] = {}
    while True:
        state = progress_of(wanted, runs)
        if state != last:
            said(state)
            last = state
        if not state["active"] + state["queued"] + state["missing"]:
            return runs
        time.sleep(1.0)
        runs = advance(wanted, name)
