"""The changes that docs/architecture.md shows: applied to a copy of the code, and used."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DIFFS = dict(re.findall(r"^### (.+?)\n.*?^```diff\n(.*?)^```", TEXT, re.M | re.S))


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A copy of the code with the two changes that are not in it."""
    copy = tmp_path_factory.mktemp("changed") / "code"
    for room in ("engine", "app", "pages"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("A page", "A data set"):
        subprocess.run(["git", "apply", "-"], input=DIFFS[name], text=True, check=True, cwd=copy)
    return copy


def run(copy, *arguments):
    found = subprocess.run([sys.executable, *arguments], cwd=copy, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_four_changes_are_shown_each_under_sixty_lines():
    assert list(DIFFS) == ["A method", "An analysis", "A page", "A data set"]
    for name, diff in DIFFS.items():
        added = [line for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
        assert 10 < len(added) < 60, name


@pytest.mark.parametrize("name", ["A method", "An analysis"])
def test_what_is_shown_is_what_stands_in_the_code(name):
    for file, part in re.findall(r"^diff --git a/(\S+).*?\n(.*?)(?=^diff --git|\Z)", DIFFS[name], re.M | re.S):
        text = (ROOT / file).read_text(encoding="utf-8")
        added = [line[1:] for line in part.splitlines() if line.startswith("+") and not line.startswith("+++")]
        assert added and "\n".join(added) in text, file


def test_the_method_is_everywhere_at_once(small):
    listed = json.loads(run(ROOT, "-m", "engine", "methods", "--json"))
    assert [each["name"] for each in listed][-1] == "neftune"  # By its year.
    trace = ["-m", "engine", "trace", "--method", "neftune", "--set", "magnitude=2", "--text", "a dull film", "--json"]
    found = json.loads(run(ROOT, *trace, "--model", str(small)))
    assert found["norms"][0] == pytest.approx(2 / 3**0.5, rel=0.2)


def test_the_data_set_has_its_three_classes(changed):
    listed = {each["name"]: each for each in json.loads(run(changed, "-m", "engine", "datasets", "--json"))}
    assert listed["movie-mood"]["labels"] == ["negative", "neutral", "positive"]
    counted = (
        "from engine.data.sources import load_dataset as l; print(l('movie-mood').splits['train']['label'].nunique())"
    )
    assert run(changed, "-c", counted).strip() == "3"


def test_the_page_is_drawn(changed, small):
    script = (
        "from streamlit.testing.v1 import AppTest\n"
        "import app.shell.navigation as navigation\n"
        "assert any(page[0] == 'worth' for pages in navigation.SECTIONS.values() for page in pages)\n"
        "test = AppTest.from_file('pages/worth.py', default_timeout=120)\n"
        f"test.query_params['of'] = {str(small)!r}\n"
        "test.run()\n"
        "assert not test.exception, test.exception[0].message\n"
        "print(test.title[0].value, len(test.get('plotly_chart')))\n"
    )
    assert run(changed, "-c", script).split()[-2:] == ["Worth", "1"]
