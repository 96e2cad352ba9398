"""Fixtures that all tests share: tiny models, batches, a home folder of the test's own."""

import os
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["DELTABOOK_WORKERS"] = (
    "0"  # Pages that are run here compute here; servers that are started have their own processes.
)

from tests import tiny  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="tests marked `long` at their full length")


@pytest.fixture
def amount(request):
    """How often a test marked `long(short=…, full=…)` does what it does: `full` with --long."""
    values = request.node.get_closest_marker("long").kwargs
    return values["full" if request.config.getoption("--long") else "short"]


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """Every test has its own runs; fetched data and the ready-made classifier are shared (the cache)."""
    monkeypatch.setenv("DELTABOOK_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)


@pytest.fixture(params=[2, 1], ids=["classification", "regression"])
def kind(request):
    """Number of outputs."""
    return request.param


@pytest.fixture
def model(kind):
    """A tiny BERT in float64 with dropout off."""
    return tiny.model("bert", kind)


@pytest.fixture
def batch(kind):
    """Four examples of different lengths, padded."""
    return tiny.batch(kind)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """A folder with a small BERT encoder (no head) and a tokenizer with a real vocabulary of its own."""
    return tiny.save_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def sentences(tmp_path):
    """A TSV file with 240 sentences whose sentiment is in one word."""
    path = tmp_path / "sentences.tsv"
    path.write_text(tiny.sentences(240))
    return path


@pytest.fixture(scope="session")
def small(encoder, tmp_path_factory):
    """A folder with a tiny classifier, so that pages answer at once."""
    from engine.data.tasks import Task
    from engine.models import load_model

    folder = tmp_path_factory.mktemp("small")
    made = load_model(str(encoder), Task("t", "classification", ("0", "1")), seed=2)
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder
