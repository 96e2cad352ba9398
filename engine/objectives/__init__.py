"""The pre-training objectives. A new one is a file here and a line in `REGISTRY`."""

from importlib import import_module

from engine.errors import known
from engine.objectives.base import Objective

REGISTRY = {"electra": "ELECTRA", "macbert": "MacBERT"}


def get_objective(name: str) -> type[Objective]:
    """The objective's class by its name.

    Raises:
        UserError: no such objective; lists those there are.
    """
    known("objective", name, list(REGISTRY))
    objective: type[Objective] = getattr(import_module(f"engine.objectives.{name}"), REGISTRY[name])
    return objective
