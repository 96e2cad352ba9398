"""The pages of what was written and computed before do not wait for torch."""

import os
import subprocess
import sys

import pytest

from app.notebook.lessons import lesson, titles
from app.shell.imports import LIGHT
from engine.notebook.store import Notebooks

SCRIPT = r"""
import sys
from importlib import import_module
from streamlit.testing.v1 import AppTest

import_module(sys.argv[1])
page = f"from app.panels import body\nbody({sys.argv[1].rpartition('.')[2]!r})"
app = AppTest.from_string(page, default_timeout=60).run()
assert not app.exception, app.exception
assert app.markdown or app.info, app
print(sorted({"torch", "transformers", "datasets"} & set(sys.modules)))
"""


@pytest.mark.parametrize("panel", LIGHT)
def test_a_light_page_brings_no_torch_before_a_result_is_drawn(panel, tmp_path, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(tmp_path))
    title, contents = lesson(next(iter(titles())))
    Notebooks().create(title, [each for each in contents if each.spec is None])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, panel],
        env={**os.environ, "DELTABOOK_WORKERS": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
