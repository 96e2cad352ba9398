"""The site is built without a dead link, and fetches nothing from elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_site_is_built(tmp_path):
    found = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", tmp_path], cwd=ROOT, capture_output=True,
        text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    page = (tmp_path / "reference" / "engine.methods.freelb.html").read_text(encoding="utf-8")
    assert "Algorithm 1" in page and "start_magnitude" in page
    assert (tmp_path / "index.html").exists() and (tmp_path / "glossary.html").exists()
