"""Many people at once: browser sessions on Perturb and Runs while runs train; errors, waiting times, memory.

    python benchmarks/load.py [--sessions 20] [--minutes 30] [--trainings 2]

Each session, in a tab and profile of its own, types a new sentence on Perturb (a new trace each time), waits for its
tokens, looks at Runs, rests for `--rest` seconds, and again. The server's memory is read every 10 seconds.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil
from playwright.async_api import async_playwright

from tests.browser.conftest import FLAGS, Server, chromium

WORDS = ["slow", "dull", "lovely", "wonderful", "boring", "brilliant", "strange", "honest", "empty", "warm"]
DONE = "!document.querySelector('[data-testid=stApp]').dataset.testScriptState?.match(/running/)"


class Session:
    """One person in front of the app."""

    def __init__(self, number: int, url: str) -> None:
        self.number, self.url, self.traces, self.pages, self.errors = number, url, [], [], []

    async def go(self, browser, until: float, rest: float) -> None:
        """Look at Perturb and Runs, again and again, until that time."""
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        page = await context.new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda problem: self.errors.append(str(problem)[:200]))
        turn = 0
        while time.monotonic() < until:
            turn += 1
            try:
                await page.goto(f"{self.url}/perturb")
                await page.wait_for_selector("[data-token]")
                box = page.get_by_label("Sentence", exact=True)
                new = f"A {WORDS[(turn + self.number) % 10]} and {WORDS[turn * 3 % 10]} film by person {self.number}, part {turn}."
                await box.fill(new)
                began = time.monotonic()
                await box.press("Control+Enter")
                await page.wait_for_selector(f"[data-token]:text-is('{turn}')")
                self.traces.append(time.monotonic() - began)
                began = time.monotonic()
                await page.goto(f"{self.url}/runs")
                await page.get_by_role("heading", name="Runs", exact=True).wait_for()
                await page.wait_for_function(DONE)
                self.pages.append(time.monotonic() - began)
                if await page.locator('[data-testid="stException"]').count():
                    self.errors.append("exception on Runs")
            except Exception as problem:
                self.errors.append(f"{type(problem).__name__}: {str(problem).splitlines()[0][:200]}")
            await asyncio.sleep(rest)
        await context.close()


async def use(server: Server, sessions: list[Session], minutes: float, rest: float) -> list[tuple[float, float]]:
    """Let all sessions run; returns (seconds, MB) of the server's memory meanwhile."""
    began, memory = time.monotonic(), []
    process = psutil.Process(server.process.pid)

    async def watch() -> None:
        while time.monotonic() < began + minutes * 60:
            memory.append((time.monotonic() - began, process.memory_info().rss / 2**20))
            await asyncio.sleep(min(10, minutes * 6))

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        await asyncio.gather(watch(), *(each.go(browser, began + minutes * 60, rest) for each in sessions))
        await browser.close()
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
    from engine.runs.store import ACTIVE, Store

    server = Server(home).start()
    asked = {"method": "freelb", "dataset": "movie-sentiment", "max_steps": 5000, **config}
    runs = [queue.submit(TrainConfig.build({**asked, "seed": seed})) for seed in range(trainings)]
    try:
        while any(Store().get(run.id).status != "running" for run in runs):
            assert all(Store().get(run.id).status in ACTIVE for run in runs), Store().get(runs[0].id).message
            time.sleep(1)
        people = [Session(number, server.url) for number in range(sessions)]
        memory = asyncio.run(use(server, people, minutes, rest))
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
    for name, times in (("a new trace on Perturb", found.traces), ("Runs opened", found.pages)):
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
