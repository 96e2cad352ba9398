"""The commands that make the documents' figures can be started: what they take from the engine is there."""

import importlib
from pathlib import Path

import pytest

NAMES = sorted(each.stem for each in (Path(__file__).resolve().parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_imported(name):
    if name == "zero3":
        pytest.importorskip("deepspeed")
    importlib.import_module(f"benchmarks.{name}")
