"""How long fine-tunes are expected to train: from the runs that this machine has finished."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from json import dumps, loads
from statistics import median
from typing import Any

from engine.methods import METHODS, get_method
from engine.runs.run import Run

LEAST_STEPS = 30  # Of a run whose time says something: in a shorter one evaluations and the start are most of it.
LATEST = 20  # Runs of a kind that count, the newest.
SAME = ("model", "max_length", "precision", "lora", "gradient_checkpointing", "compile")


class Times:
    """What a sentence of one forward pass took in finished runs, by what must be the same.

    A sentence is taken to cost what it cost there, times the ratio of the methods' floors. A machine that is busier than it was then takes
    longer.

    Args:
        runs: the newest first.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        known: dict[str, list[float]] = {}
        for run in runs:
            work = _work(run.config)
            if run.status == "completed" and run.step >= LEAST_STEPS and run.seconds > 0 and work is not None:
                known.setdefault(_kind(run.config), []).append(run.seconds / (work * run.step))
        self.rates = {kind: median(rates[:LATEST]) for kind, rates in known.items()}

    def expected(self, config: Mapping[str, Any]) -> float | None:
        """Seconds that a run of these settings is expected to train; None where no finished run tells."""
        work, rate, steps = _work(config), self.rates.get(_kind(config)), config.get("max_steps")
        return None if work is None or rate is None or not steps else rate * work * int(steps)


def _kind(config: Mapping[str, Any]) -> str:
    return dumps([config.get(name) for name in SAME])


def _work(config: Mapping[str, Any]) -> float | None:
    """Sentences of an optimiser step, each times its method's floor; None for what is no fine-tune."""
    if config["method"] not in METHODS.names():
        return None
    floor = _floor(config["method"], dumps(config.get("method_settings") or {}, sort_keys=True))
    return floor * float(config["batch_size"]) * float(config["gradient_accumulation"])


@lru_cache(1000)
def _floor(method: str, settings: str) -> float:
    kind = get_method(method)
    return float(kind(kind.Settings.checked(loads(settings))).floor)
