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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil
from playwright.async_api import async_playwright

from tests.browser.conftest import FLAGS, Server, chromium

WORDS = ["slow", "dull", "lovely", "wonderful", "boring", "brilliant", "strange", "honest", "empty", "warm"]
DONE = "!document.querySelector('[data-testid=stApp]').dataset.testScriptState?.match(/running/i)"


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


async def use(server: Server, options: argparse.Namespace, memory: list[tuple[float, float]]) -> list[Session]:
    """Let all sessions run, and read the server's memory meanwhile."""
    sessions = [Session(number, server.url) for number in range(options.sessions)]
    until = time.monotonic() + options.minutes * 60
    process = psutil.Process(server.process.pid)

    async def watch() -> None:
        began = time.monotonic()
        while time.monotonic() < until:
            memory.append((time.monotonic() - began, process.memory_info().rss / 2**20))
            await asyncio.sleep(10)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        await asyncio.gather(watch(), *(each.go(browser, until, options.rest) for each in sessions))
        await browser.close()
    return sessions


def main() -> int:
    """Train, use, and print; 1 if there was an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--trainings", type=int, default=2)
    parser.add_argument("--rest", type=float, default=15, help="seconds between one person's looks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DELTABOOK_HOME"] = str(Path(folder) / "home")
        os.environ["DELTABOOK_PARALLEL"] = str(max(1, options.trainings))
        from engine.runs import queue
        from engine.runs.config import TrainConfig
        from engine.runs.store import Store

        server = Server(Path(folder) / "home").start()
        runs = [
            queue.submit(TrainConfig.build({"method": "freelb", "dataset": "movie-sentiment", "max_steps": 100_000, "seed": seed}))
            for seed in range(options.trainings)
        ]  # fmt: skip
        memory: list[tuple[float, float]] = []
        try:
            while any(Store().get(run.id).step < 1 for run in runs):
                time.sleep(1)
            sessions = asyncio.run(use(server, options, memory))
            steps = [Store().get(run.id).step for run in runs]
            alive = all(Store().get(run.id).status == "running" for run in runs)
        finally:
            for run in runs:
                queue.cancel(run.id)
            server.stop()
            while any(Store().get(run.id).status == "running" for run in runs):
                time.sleep(1)
    traces = sorted(one for each in sessions for one in each.traces)
    pages = sorted(one for each in sessions for one in each.pages)
    errors = [one for each in sessions for one in each.errors]
    warm = [used for at, used in memory if at > memory[-1][0] / 3]
    halves = statistics.mean(warm[: len(warm) // 2]), statistics.mean(warm[len(warm) // 2 :])
    print(f"{options.sessions} sessions, {options.trainings} trainings beside them, {options.minutes:g} minutes\n")
    print("| what | count | median (s) | 95 % (s) | slowest (s) |\n|---|---|---|---|---|")
    for name, times in (("a new trace on Perturb", traces), ("Runs opened", pages)):
        high = times[int(0.95 * (len(times) - 1))]
        print(f"| {name} | {len(times)} | {statistics.median(times):.2f} | {high:.2f} | {times[-1]:.2f} |")
    print(
        f"\nErrors: {len(errors)}. Trainings: {'both ran on' if alive else 'one ended'}, {', '.join(map(str, steps))} steps."
    )
    print(
        f"Server's memory: {memory[0][1]:.0f} MB at the start; after a third of the time on the mean of the first half is"
        f" {halves[0]:.0f} MB, of the second {halves[1]:.0f} MB ({halves[1] / halves[0] - 1:+.1%}); most {max(warm):.0f} MB."
    )
    for error in sorted(set(errors))[:10]:
        print(f"- {error} ({errors.count(error)}×)")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
