"""Many runs: how long the list and one run's curves take, with so many runs in the database and so many logged figures.

    python benchmarks/runs.py [--runs 10000] [--points 1000]

Each run is a row with a full configuration; each has `points` logged figures, so that 10,000 runs have 10 million. The page is opened by a
real Chromium, until all is drawn; the store's own calls are timed beside it.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright

from engine.database import Database
from engine.runs.config import TrainConfig
from engine.runs.store import Store
from tests.browser.conftest import FLAGS, Server, chromium
from tests.browser.driving import settled

COPIES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO runs (id, name, config, status, created, step, max_steps, metrics)
SELECT id || '-' || i, 'run ' || i, replace(config, '"seed": 0', '"seed": ' || i), 'completed', created - i, 150, 150, metrics FROM runs, n
WHERE id = ?
"""
FIGURES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO figures SELECT id, i, 'loss', abs(random() % 1000) / 1000.0, 0 FROM runs, n
"""


def fill(runs: int, points: int) -> str:
    """Write them; returns the id of one."""
    config = TrainConfig.build({"method": "freelb", "max_steps": 150}).as_dict()
    first = Store().create(config, status="completed")
    Store().update(first.id, metrics={"main_metric": "accuracy", "accuracy": 0.8})
    with Database().writing() as connection:
        connection.execute(COPIES, (runs - 1, first.id))
        connection.execute(FIGURES, (points,))
    return first.id


def median(do, rounds: int = 5) -> float:
    """Seconds that it takes."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        do()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder) / "home"
        os.environ["DELTABOOK_HOME"] = str(home)
        began = time.perf_counter()
        one = fill(options.runs, options.points)
        size = sum(each.stat().st_size for each in home.glob("runs.sqlite*")) / 1e6
        print(
            f"{options.runs:,} runs, {options.runs * options.points:,} figures: {size:,.0f} MB, written in {time.perf_counter() - began:.0f} s"
        )
        print("| | median (s) |\n|---|---|")
        print(f"| all rows | {median(Store().all):.3f} |")
        print(f"| curves of one run | {median(lambda: Store().figures(one)):.3f} |")
        print(f"| crashes looked for | {median(Store().reap):.3f} |", flush=True)
        server = Server(home).start()
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})

        def opened(query: str = "") -> None:
            page.goto(f"{server.url}/runs{query}")
            page.get_by_test_id("stDataFrame").first.wait_for()
            settled(page, 60)

        def clicked() -> float:
            page.goto(server.url)
            settled(page, 60)
            began = time.perf_counter()
            page.get_by_test_id("stSidebarNav").get_by_role("link", name="Runs", exact=True).click()
            page.get_by_test_id("stDataFrame").first.wait_for()
            settled(page, 60)
            return time.perf_counter() - began

        try:
            opened()
            print(f"| a click in the navigation | {statistics.median(clicked() for _ in range(5)):.2f} |")
            print(f"| the page | {median(opened):.2f} |")
            print(
                f"| the page, filtered by a setting | {median(lambda: opened('?filter=seed%3D77')):.2f} |", flush=True
            )
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
