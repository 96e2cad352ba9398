"""How long people wait: for a trace, for the first page after `streamlit run`, for every page again.

    python benchmarks/latency.py [--rounds 7] [--cold]

A trace is 32 or 512 tokens, K = 5, the ready-made classifier. Pages are opened by a real Chromium on a server of its own, with
no runs. `useful` is the first visit after the server's start until the first strip, figure, table, form, Run button or message stands there below
the heading, `first` until the page has drawn everything, `again` the median of three reloads and
`change` of three clicks in the navigation, in one session that goes from page to page, to the same end. With --cold only this: `useful` of every page that is the very first one of a server, and there is a notebook.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.process import wait_politely

wait_politely()

import torch

from app.shell.navigation import SECTIONS
from engine.catalogue import analyse
from engine.methods import get_method
from engine.subjects.classifier import load_classifier
from tests.browser.conftest import FLAGS, Server, chromium
from tests.browser.driving import settled

TEXT = "The film is a little slow at first, but the acting is wonderful and the music stays with you " * 30
LENGTHS = (32, 512)


def text_of(tokens: int) -> str:
    """A text of so many tokens, the two at its ends counted."""
    tokenizer = load_classifier().tokenizer
    return str(tokenizer.convert_tokens_to_string(tokenizer.tokenize(TEXT)[: tokens - 2]))


def traces(rounds: int, tokens: int) -> None:
    """The time of one trace by every method that ascends."""
    classifier, text = load_classifier(), text_of(tokens)
    print(f"| trace, {tokens} tokens, K = 5 | median (s) | slowest (s) |\n|---|---|---|")
    for name in ("pgd", "freelb", "smart", "textat"):
        times = []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            found = analyse("trace", classifier, text=text, method=name, settings={"ascent_steps": 5})
            times.append(time.perf_counter() - began)
        assert len(found.tokens) == tokens, len(found.tokens)
        print(f"| {get_method(name).title} | {statistics.median(times[1:]):.3f} | {max(times[1:]):.3f} |")


USEFUL = "[data-token], .js-plotly-plot .main-svg, .stDataFrame, .stForm, .stMain .stButton button, .stMain .stPageLink, .stMain .stAlert"


def opened(page, address: str) -> tuple[float, float]:
    """Seconds until there is something useful on a page, and until it has drawn everything."""
    began = time.perf_counter()
    page.goto(address)
    page.locator(USEFUL).locator("visible=true").first.wait_for()
    useful = time.perf_counter() - began
    settled(page, 300)
    return useful, time.perf_counter() - began


def changed(page, address: str, title: str) -> float:
    """Seconds from a click on a page's link in the navigation until it has drawn everything."""
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True)
    began = time.perf_counter()
    link.click()
    page.wait_for_url(f"{address}*")
    settled(page, 300)
    return time.perf_counter() - began


def pages() -> None:
    """First paint after the server's start, and every page: opened, reloaded, and reached by a click."""
    from playwright.sync_api import expect, sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["DELTABOOK_HOME"] = str(Path(folder) / "home")
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        began = time.perf_counter()
        server = Server(Path(folder) / "home").start()
        try:
            answers = time.perf_counter() - began
            page.goto(server.url)
            expect(page.get_by_role("heading", name="Deltabook")).to_be_visible()
            print(f"\nFrom `streamlit run` to the first page on screen: {time.perf_counter() - began:.1f} s")
            print(f"(of it until the server answers: {answers:.1f} s)\n")
            addresses = {
                title: f"{server.url}/{'' if name == 'home' else name}"
                for group in SECTIONS.values()
                for name, title, _ in group
            }
            found = {}
            for title, address in addresses.items():
                useful, first = opened(page, address)
                found[title] = [useful, first, statistics.median(opened(page, address)[1] for _ in range(3))]
            rounds = [{title: changed(page, addresses[title], title) for title in addresses} for _ in range(4)]
            print("| page | useful (s) | first (s) | again (s) | change (s) |\n|---|---|---|---|---|")
            for title, seconds in found.items():
                seconds.append(statistics.median(each[title] for each in rounds[1:]))
                print(f"| {title} | " + " | ".join(f"{each:.1f}" for each in seconds) + " |", flush=True)
            useful, first = opened(page, f"{server.url}/perturb?text={quote(text_of(LENGTHS[-1]))}")
            print(
                f"\nPerturb with {LENGTHS[-1]} tokens: {useful:.1f} s until the strip stands, {first:.1f} s until all is drawn"
            )
        finally:
            browser.close()
            server.stop()


def cold() -> None:
    """Every page as the first one of a server of its own."""
    from playwright.sync_api import sync_playwright

    from app.notebook.lessons import lesson, titles
    from engine.notebook.store import Notebooks

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["DELTABOOK_HOME"] = str(Path(folder) / "home")
        Notebooks().create(*lesson(next(iter(titles()))))
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        print("| page | useful, first of a server (s) |\n|---|---|")
        for name, title, _ in (each for group in SECTIONS.values() for each in group):
            server = Server(Path(folder) / "home").start()
            try:
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.set_default_timeout(60_000)
                page.goto(f"{server.url}/{'' if name == 'home' else name}", wait_until="commit")
                began = time.perf_counter()
                page.locator(USEFUL).locator("visible=true").first.wait_for()
                print(f"| {title} | {time.perf_counter() - began:.1f} |", flush=True)
                page.close()
            finally:
                server.stop()
        browser.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cold", action="store_true", help="every page as the first one of a server, and no more")
    options = parser.parse_args()
    if options.cold:
        cold()
        return
    print(f"{torch.get_num_threads()} threads\n")
    for tokens in LENGTHS:
        traces(options.rounds, tokens)
    pages()


if __name__ == "__main__":
    main()
