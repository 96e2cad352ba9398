"""The wheel, in an environment of its own and far from the checkout."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from pathlib import Path

import pytest

from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parents[1]
TIME = 600


def run(*command, **options):
    found = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=TIME, **options)
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]
    return found.stdout


@pytest.mark.slow
@pytest.mark.long(short=0, full=1)
def test_a_wheel_installs_and_runs(tmp_path, amount):
    """With --long its dependencies are installed too; else they are seen from the environment of the tests."""
    source = tmp_path / "source"
    tracked = run("git", "-C", ROOT, "ls-files", "-co", "--exclude-standard").split()
    for name in tracked:
        if (ROOT / name).is_file() and not name.startswith(("docs/", "tests/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    build = (sys.executable, "-m", "pip", "wheel", source, "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path)
    run(*build, cwd=tmp_path)
    (wheel,) = tmp_path.glob("deltabook-*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    if amount:
        run(python, "-m", "pip", "install", "-q", wheel, "-c", ROOT / "requirements.lock")
    else:
        run(python, "-m", "pip", "install", "-q", "--no-deps", wheel)
        folder = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip())
        (folder / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    deltabook = tmp_path / "env" / "bin" / "deltabook"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    options = {"cwd": elsewhere, "env": environment | {"DELTABOOK_HOME": str(tmp_path / "home")}}
    where = run(python, "-c", "import engine, app, pages; print(engine.__file__, app.__file__)", **options)
    assert str(ROOT) not in where and where.count(str(tmp_path / "env")) == 2
    assert json.loads(run(deltabook, "trace", "--text", "a dull film", "--json", **options))["method"] == "pgd"
    assert len(json.loads(run(deltabook, "methods", "--json", **options))) >= 6

    port = free_port()
    server = subprocess.Popen([deltabook, "app", "--port", str(port), "--no-browser"], **options)
    try:
        answer = _answer(server, f"http://127.0.0.1:{port}/")
        assert "Content-Security-Policy" in answer.headers and answer.status == 200  # The guard is there.
    finally:
        server.terminate()
        server.wait(20)
    with pytest.raises(OSError):  # Nothing is left that answers.
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    assert subprocess.run([deltabook, "dance"], **options, capture_output=True, timeout=TIME).returncode == 2


def _answer(server, address):
    import time

    for _ in range(600):
        assert server.poll() is None
        try:
            return urllib.request.urlopen(address, timeout=2)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("no answer")
