"""The fine-tuning methods. A new one is a file here and a line in `REGISTRY`."""

from importlib import import_module
from typing import Any

from engine.errors import known
from engine.methods.base import Method

REGISTRY = {
    "vanilla": "Vanilla",
    "pgd": "PGD",
    "freeat": "FreeAT",
    "freelb": "FreeLB",
    "smart": "SMART",
    "textat": "TextAT",
}


def get_method(name: str) -> type[Method[Any]]:
    """The method's class by its name.

    Raises:
        UserError: no such method; lists those there are.
    """
    known("method", name, list(REGISTRY))
    method: type[Method[Any]] = getattr(import_module(f"engine.methods.{name}"), REGISTRY[name])
    return method


def methods() -> list[type[Method[Any]]]:
    """All methods, in the order of the slides."""
    return [get_method(name) for name in REGISTRY]
