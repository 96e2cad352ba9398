"""What the browser tests and the benchmarks do with a page."""

import re
from pathlib import Path

from playwright.sync_api import expect

# axe-core 4.14.1 (npm, Mozilla Public License 2.0), as it is published.
AXE = Path(__file__).with_name("axe.min.js")


def settled(page, seconds=60):
    """Wait until the page has drawn everything."""
    expect(page.get_by_test_id("stHeading").first).to_be_visible(timeout=seconds * 1000)
    page.wait_for_function(
        "!document.querySelector('[data-testid=stApp]').dataset.testScriptState?.match(/running/)",
        timeout=seconds * 1000,
    )
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=seconds * 1000)  # Widgets' scripts load late.
    if not re.search("/(train|runs)\\b", page.url):  # There a run that trains has a bar of its own.
        expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=seconds * 1000)


def open_page(page, server, address):
    page.goto(f"{server.url}/{address}")
    settled(page)
    assert page.get_by_test_id("stException").count() == 0


def barriers(page):
    """What axe-core finds serious or critical: (rule, element) of each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (each["id"], node["html"][:200])
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def query(small, sentences):
    return f"of={small}&models={small}&dataset={sentences}&limit=30&text=a%20dull%20but%20good%20film"
