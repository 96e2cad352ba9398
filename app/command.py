"""The console script `deltabook`: the engine's verbs, and `app`, which opens the pages."""

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.cli import main
from engine.commands.common import Verb

HERE = Path(__file__).resolve().parent
# In a checkout the file that Streamlit finds by itself; a wheel holds a copy of it.
CONFIGS = (HERE.parent / ".streamlit" / "config.toml", HERE / "streamlit.toml")


def _flags(config: dict[str, Any], at: str = "") -> Iterator[str]:
    """A configuration as flags of Streamlit's: tables give dotted names, lists repeat their flag."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flags(value, f"{at}{name}.")
        else:
            for each in value if isinstance(value, list) else [value]:
                yield f"--{at}{name}"
                yield str(each).lower() if isinstance(each, bool) else str(each)


def _app(options: argparse.Namespace) -> None:
    config = tomllib.loads(next(file for file in CONFIGS if file.exists()).read_text(encoding="utf-8"))
    config["server"] |= {"address": options.address, "port": options.port, "headless": options.no_browser}
    config["server"]["allowedHosts"] = [*config["server"]["allowedHosts"], *options.host]
    if main(["prepare"]):
        raise SystemExit(2)
    # The folder that holds `app` and `engine` comes first on the path of the server, wherever it is started from.
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "streamlit", "run", str(HERE / "main.py"), *_flags(config)]
    environment = {**os.environ, "PYTHONPATH": path}
    if os.name != "nt":
        os.execve(sys.executable, command, environment)  # So that what ends this process ends the server.
    raise SystemExit(subprocess.call(command, env=environment))


def _add(verb: Verb) -> None:
    made = verb("app", _app, "Open the app in the browser.", json_=False)
    made.add_argument("--port", type=int, default=8501, help="(default: 8501)")
    made.add_argument("--address", default="127.0.0.1", help="to let others in: 0.0.0.0; there is no login (127.0.0.1)")
    made.add_argument("--host", action="append", default=[], help="a name or address that others type; may be repeated")
    made.add_argument("--no-browser", action="store_true", help="open no browser")


def run(arguments: Sequence[str] | None = None) -> int:
    """The console script; returns the exit code."""
    return main(arguments, program="deltabook", more=(_add,))
