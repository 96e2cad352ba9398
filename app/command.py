"""The console script `deltabook`: the engine's verbs, and `app`, which opens the pages."""

import argparse
import json
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from engine.cli import main
from engine.commands.common import Verb

HERE = Path(__file__).resolve().parent
# In a checkout the file that Streamlit finds by itself; a wheel holds a copy of it.
CONFIGS = (HERE.parent / ".streamlit" / "config.toml", HERE / "streamlit.toml")


def _flags(config: dict[str, Any], at: str = "") -> Iterator[str]:
    """A configuration as flags of Streamlit's: tables give dotted names, lists repeat their flag (a theme's are JSON)."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flags(value, f"{at}{name}.")
        else:
            given = json.dumps(value) if isinstance(value, list) and at.startswith("theme.") else value
            for each in given if isinstance(given, list) else [given]:
                yield f"--{at}{name}"
                yield str(each).lower() if isinstance(each, bool) else str(each)


def _addresses() -> list[str]:
    """The addresses of this machine on its networks."""
    families = (socket.AF_INET, socket.AF_INET6)
    found = [
        each.address.partition("%")[0]
        for of in psutil.net_if_addrs().values()
        for each in of
        if each.family in families
    ]
    return [each for each in found if each not in ("127.0.0.1", "::1")]


def _app(options: argparse.Namespace) -> None:
    config = tomllib.loads(next(file for file in CONFIGS if file.exists()).read_text(encoding="utf-8"))
    address = "0.0.0.0" if options.class_ else options.address  # noqa: S104 (on purpose: `shell/door.py` lets in)
    config["server"] |= {"address": address, "port": options.port, "headless": options.no_browser}
    own = _addresses() if options.class_ else []
    config["server"]["allowedHosts"] = [*config["server"]["allowedHosts"], *options.host, *own]
    if main(["prepare"]):
        raise SystemExit(2)
    # The folder that holds `app` and `engine` comes first on the path of the server, wherever it is started from.
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "streamlit", "run", str(HERE / "main.py"), *_flags(config)]
    environment = {**os.environ, "PYTHONPATH": path, "DELTABOOK_CLASS": "1" if options.class_ else "0"}
    if options.class_:
        print(f"Open the class at http://127.0.0.1:{options.port}/classroom: there stands where your students join.")
    if os.name != "nt":
        os.execve(sys.executable, command, environment)  # So that what ends this process ends the server.
    raise SystemExit(subprocess.call(command, env=environment))


def _add(verb: Verb) -> None:
    made = verb("app", _app, "Open the app in the browser.", json_=False)
    made.add_argument("--port", type=int, default=8501, help="(default: 8501)")
    made.add_argument("--address", default="127.0.0.1", help="to let others in: 0.0.0.0; there is no login (127.0.0.1)")
    made.add_argument("--host", action="append", default=[], help="a name or address that others type; may be repeated")
    made.add_argument("--class", action="store_true", dest="class_", help="let a class in: students join with a code")
    made.add_argument("--no-browser", action="store_true", help="open no browser")


def run(arguments: Sequence[str] | None = None) -> int:
    """The console script; returns the exit code."""
    return main(arguments, program="deltabook", more=(_add,))


if __name__ == "__main__":
    sys.exit(run())
