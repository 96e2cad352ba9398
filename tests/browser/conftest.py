"""A real server and a real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def chromium():
    """Where Debian's Chromium (or Chrome) is; None if there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


class Server:
    """`streamlit run app/main.py` on a free port, with a home folder of its own."""

    # asks_above: in seconds; without being asked, however slow the machine is.
    def __init__(self, home, *options, asks_above=1_000_000, environment=None):
        self.home, self.port, self.process, self.options = home, free_port(), None, options
        self.environment = {"DELTABOOK_ASK_ABOVE": str(asks_above), "DELTABOOK_WORKERS": "2"} | (environment or {})
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        environment = {**os.environ, "DELTABOOK_HOME": str(self.home), **self.environment}
        command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(self.port)]
        command += self.options
        log = (self.home.parent / "server.log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1)
                return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self.home.parent / "server.log").read_text())

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests, headless, each page with a fresh profile."""
    binary = chromium()
    if binary is None:
        pytest.skip("no Chromium on this machine: install Debian's package chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # What is there is seen at once; a busy machine may take its time.
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=binary, headless=True, args=FLAGS)
        yield opened
        opened.close()


def own_address():
    """An address of this machine that others would use; None where it has no network."""
    addresses = [each.address for of in psutil.net_if_addrs().values() for each in of if each.family == socket.AF_INET]
    return next((each for each in addresses if not each.startswith("127.")), None)


def class_server(home):
    """A server that was started for a class, at an address that students use; that address."""
    address = own_address()
    assert address, "This machine has no network address but its own: a class cannot be tried."
    options = ["--server.address", "0.0.0.0", "--server.allowedHosts", "127.0.0.1", "--server.allowedHosts", address]
    started = Server(home, *options, environment={"DELTABOOK_CLASS": "1"}).start()
    return started, f"http://{address}:{started.port}"


@contextmanager
def running(tmp_path_factory, **more):
    """A server with a new home, until the block is left."""
    started = Server(tmp_path_factory.mktemp("browser") / "home", **more).start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server that files share; one whose tests need a home without runs, or stop their server, has `own_server`."""
    with running(tmp_path_factory) as started:
        yield started


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    """A server of a file's own."""
    with running(tmp_path_factory) as started:
        yield started


@pytest.fixture
def page(browser):
    """A page in a context of its own; a JavaScript error or a Streamlit exception fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    problems = []
    opened.on("pageerror", lambda problem: problems.append(str(problem)))
    opened.set_default_timeout(60_000)
    yield opened
    exceptions = opened.locator('[data-testid="stException"]').all_inner_texts()
    context.close()
    assert not exceptions
    assert not problems
