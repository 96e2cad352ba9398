"""Many people at once: sessions on Perturb and Runs while runs train; errors, waiting times, memory.

    python benchmarks/load.py [--sessions 20] [--minutes 30] [--trainings 2]

Each session has a WebSocket of its own and says on it what a browser says: it asks for Perturb with a new sentence (a new
trace each time), waits until the page is whole, asks for Runs, rests for `--rest` seconds, and again. There are no browsers:
twenty of them drawing on the server's own cores took seven times what the server takes. One visit before them loads the model. The server's memory is read every 10 seconds.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from tests.browser.conftest import Server

WORDS = ["slow", "dull", "lovely", "wonderful", "boring", "brilliant", "strange", "honest", "empty", "warm"]


class Session:
    """One person in front of the app."""

    def __init__(self, number: int, server: Server) -> None:
        self.number, self.server, self.traces, self.pages, self.errors = number, server, [], [], []

    async def go(self, until: float, rest: float) -> None:
        """Look at Perturb and Runs, again and again, until that time; not all at the same moment."""
        await asyncio.sleep(rest * (self.number % 10) / 10)
        address = f"ws://127.0.0.1:{self.server.port}/_stcore/stream"
        async with connect(address, origin=self.server.url, max_size=None, ping_timeout=None) as socket:
            turn = 0
            while time.monotonic() < until:
                turn += 1
                mark = f"{self.number}x{turn}"
                text = f"A {WORDS[(turn + self.number) % 10]} and {WORDS[turn * 3 % 10]} film, {mark}."
                for page, query, wanted, times in (
                    ("perturb", f"text={quote(text)}", mark, self.traces), ("runs", "", "freelb", self.pages),
                ):  # fmt: skip
                    began = time.monotonic()
                    content = await self.asked(socket, page, query)
                    times.append(time.monotonic() - began)
                    if wanted.encode() not in content:
                        self.errors.append(f"{page}: {wanted} is not on it")
                await asyncio.sleep(rest)

    async def asked(self, socket, page: str, query: str) -> bytes:
        """Open a page; returns all that the server sent until it was whole."""
        message = BackMsg()
        message.rerun_script.page_name, message.rerun_script.query_string = page, query
        await socket.send(message.SerializeToString())
        parts = []
        while True:
            parts.append(await asyncio.wait_for(socket.recv(), 120))
            answer = ForwardMsg.FromString(parts[-1])
            if answer.HasField("delta") and answer.delta.new_element.HasField("exception"):
                self.errors.append(f"{page}: {answer.delta.new_element.exception.message[:200]}")
            if answer.HasField("script_finished") and answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return b"".join(parts)


async def use(server: Server, sessions: list[Session], minutes: float, rest: float) -> list[tuple[float, float]]:
    """Let all sessions run on a server that was opened once; returns (seconds, MB) of its memory meanwhile."""
    await Session(-1, server).go(time.monotonic() + 0.01, 0)
    began, memory = time.monotonic(), []
    process = psutil.Process(server.process.pid)

    async def watch() -> None:
        while time.monotonic() < began + minutes * 60:
            memory.append((time.monotonic() - began, process.memory_info().rss / 2**20))
            await asyncio.sleep(min(10, minutes * 6))

    await asyncio.gather(watch(), *(each.go(began + minutes * 60, rest) for each in sessions))
    return memory


@dataclass
class Measured:
    """Seconds of new traces and of openings of Runs (sorted), errors, the server's memory in MB, steps of the trainings.

    `growth`: how much larger the mean memory of the last third of the time is than that of the middle third.
    """

    traces: list[float]
    pages: list[float]
    errors: list[str]
    memory: list[tuple[float, float]]
    steps: list[int]
    alive: bool

    @property
    def growth(self) -> float:
        """As said above."""
        end = self.memory[-1][0]
        middle, last = (
            [used for at, used in self.memory if end * low / 3 <= at <= end * (low + 1) / 3] for low in (1, 2)
        )
        return statistics.mean(last) / statistics.mean(middle) - 1


def high(times: list[float]) -> float:
    """The 95 % quantile."""
    return times[int(0.95 * (len(times) - 1))]


def measure(home: Path, sessions: int, minutes: float, trainings: int, rest: float, **config: Any) -> Measured:
    """Start a server and the trainings, let the sessions use it, and end everything."""
    os.environ["DELTABOOK_HOME"] = str(home)
    os.environ["DELTABOOK_PARALLEL"] = str(max(1, trainings))
    from engine.runs import queue
    from engine.runs.config import TrainConfig
    from engine.runs.run import ACTIVE
    from engine.runs.store import Store

    server = Server(home).start()
    asked = {"method": "freelb", "dataset": "movie-sentiment", "max_steps": 5000, **config}
    runs = [queue.submit(TrainConfig.build({**asked, "seed": seed})) for seed in range(trainings)]
    try:
        while any(Store().get(run.id).status != "running" for run in runs):
            assert all(Store().get(run.id).status in ACTIVE for run in runs), Store().get(runs[0].id).message
            time.sleep(1)
        people = [Session(number, server) for number in range(sessions)]
        with ThreadPoolExecutor(1) as own:  # The calling thread may have a loop of its own (Playwright's has).
            memory = own.submit(asyncio.run, use(server, people, minutes, rest)).result()
        rows = [Store().get(run.id) for run in runs]
    finally:
        for run in runs:
            queue.cancel(run.id)
        server.stop()
        while any(Store().get(run.id).status in ACTIVE for run in runs):
            queue.advance()
            time.sleep(1)
    return Measured(
        sorted(one for each in people for one in each.traces), sorted(one for each in people for one in each.pages),
        [one for each in people for one in each.errors], memory, [row.step for row in rows],
        all(row.status == "running" for row in rows),
    )  # fmt: skip


def main() -> int:
    """Train, use, and print; 1 if there was an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--trainings", type=int, default=2)
    parser.add_argument("--rest", type=float, default=15, help="seconds between one person's looks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder) / "home", options.sessions, options.minutes, options.trainings, options.rest)
    print(f"{options.sessions} sessions, {options.trainings} trainings beside them, {options.minutes:g} minutes\n")
    print("| what | count | median (s) | 95 % (s) | slowest (s) |\n|---|---|---|---|---|")
    for name, times in (("Perturb with a new trace", found.traces), ("Runs", found.pages)):
        print(f"| {name} | {len(times)} | {statistics.median(times):.2f} | {high(times):.2f} | {times[-1]:.2f} |")
    print(f"\nErrors: {len(found.errors)}. Trainings: {'ran on' if found.alive else 'ended'}, steps {found.steps}.")
    print(
        f"Server's memory: {found.memory[0][1]:.0f} MB at the start, {max(used for _, used in found.memory):.0f} MB at most;"
        f" the mean of the last third of the time is {found.growth:+.1%} against the middle third."
    )
    for error in sorted(set(found.errors))[:10]:
        print(f"- {error} ({found.errors.count(error)}×)")
    return 1 if found.errors else 0


if __name__ == "__main__":
    sys.exit(main())
