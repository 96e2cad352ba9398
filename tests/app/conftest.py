"""A tiny classifier and a TextAT run of it, for views and exports."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.widgets import uploads
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def textat_once(encoder, tmp_path_factory):
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
def textat(textat_once, monkeypatch):
    """A completed TextAT run, and its home folder in use."""
    home, run = textat_once
    monkeypatch.setenv("DELTABOOK_HOME", str(home))
    return run


@pytest.fixture
def open_page(small, sentences, monkeypatch):
    """Run a page's script as the server does; the pages' links need the navigation, which is not there."""
    monkeypatch.setattr("app.shell.navigation.link", lambda *_: None)
    # A select box of the test driver takes only what is in its list: a finished run and an uploaded file.
    done = Store().create(TrainConfig.build({"method": "pgd"}).as_dict(), status="completed")
    shutil.copytree(small, done.model_folder)
    data = uploads.keep("sentences.tsv", sentences.read_bytes())

    def run(name, **query):
        test = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=120)
        values = {
            "of": f"run:{done.id}",
            "models": f"run:{done.id}",
            "dataset": data,
            "limit": 20,
            "points": 11,
            "text": "a dull but good film",
        }
        for key, value in {**values, **query}.items():
            test.query_params[key] = str(value)
        test.run()
        assert not test.exception, test.exception[0].message
        return test

    return run
