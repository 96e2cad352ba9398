"""A tiny classifier and a TextAT run of it, for views and exports."""

import pytest

from engine.runs.config import TrainConfig
from engine.runs.store import Store
from engine.runs.worker import execute


@pytest.fixture(scope="module")
def _textat(encoder, tmp_path_factory):
    """A home folder with one completed TextAT run of 6 steps."""
    from tests import tiny

    home = tmp_path_factory.mktemp("textat") / "home"
    data = home.parent / "sentences.tsv"
    data.write_text(tiny.sentences(240))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DELTABOOK_HOME", str(home))
        config = TrainConfig.build(
            {"method": "textat", "dataset": str(data), "model": str(encoder), "max_steps": 6, "name": "<b>six</b>"},
            {"batch_size": "8", "evaluations": "3", "keep_models": "true"},
        )
        run = execute(Store().create(config.as_dict(), status="starting").id)
    return home, run


@pytest.fixture
def textat(_textat, monkeypatch):
    """A completed TextAT run, and its home folder in use."""
    home, run = _textat
    monkeypatch.setenv("DELTABOOK_HOME", str(home))
    return run
