"""A file from somebody else is first read in a process of its own, with bounds on memory and time: whatever harm its
content does to a reader is done there.

    python -m engine.data.apart PATH '{"label_kind": "scores"}'    # What `examine` runs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.data.columns import Reading
from engine.errors import UserError

MOST_MEMORY = 2 * 2**30  # Bytes of address space.
MOST_SECONDS = 30
ROOT = Path(__file__).resolve().parents[2]
SHOWN = 5


@dataclass(frozen=True)
class Examined:
    """What a file holds. `columns`: their names; `preview`: its first rows; `described`: what was understood (see
    `TaskData.described`); `problem`: why it is no data set, "" if it is one.
    """

    columns: list[str]
    preview: list[dict[str, str]]
    described: list[str]
    problem: str


def examine(path: Path, how: Reading | None = None) -> Examined:
    """Read a data file in a process of its own, and say what it holds.

    Raises:
        UserError: it takes more memory or time than any data set should.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "engine.data.apart", str(path), json.dumps(asdict(how or Reading()))]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **threads, "ARROW_DEFAULT_MEMORY_POOL": "system"}, capture_output=True,
            timeout=2 * MOST_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{path.name} was not read to its end in {2 * MOST_SECONDS} s: it is no sensible data file."
        ) from None
    if done.returncode:
        raise UserError(
            f"{path.name} takes more than {MOST_MEMORY >> 30} GB of memory or {MOST_SECONDS} s to be read: it is no sensible"
            " data file. Give a smaller one, or a large one by its path."
        )
    return Examined(**json.loads(done.stdout))


def _bound_this_process() -> None:
    try:
        import resource
    except ImportError:  # Windows.
        return
    for which, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _look(path: Path, how: Reading) -> Examined:
    from engine.data.files import load_file
    from engine.data.reading import read_raw
    from engine.data.tagged import is_tagged, read_tagged

    columns: list[str] = []
    preview: list[dict[str, str]] = []

    def first(names: list[str]) -> list[str]:
        columns.extend(str(name) for name in names)
        return list(dict.fromkeys(names))[:20]

    with suppress(UserError):  # Of a column that is not needed.
        if is_tagged(path):
            columns.extend(("tokens", "labels"))
            for line, words, tags in read_tagged(path).rows[:SHOWN]:
                preview.append({"line": str(line), "tokens": " ".join(words)[:200], "labels": " ".join(tags)[:200]})
        else:
            frame = read_raw(path, first).frame.head(SHOWN)
            preview += [{str(name)[:60]: value[:200] for name, value in row.items()} for row in _rows(frame)]
    try:
        return Examined(columns, preview, load_file(path, how).described(), "")
    except UserError as problem:
        return Examined(columns, preview, [], str(problem))


def _rows(frame: Any) -> list[Mapping[str, str]]:
    rows: list[Mapping[str, str]] = frame.astype(str).to_dict("records")
    return rows


if __name__ == "__main__":
    _bound_this_process()
    found = _look(Path(sys.argv[1]), Reading(**json.loads(sys.argv[2])))
    print(json.dumps(asdict(found)))
