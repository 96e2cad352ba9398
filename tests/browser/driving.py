"""What the browser tests and the benchmarks do with a page."""

import re

from playwright.sync_api import expect


def settled(page, seconds=60):
    """Wait until the page has drawn everything."""
    expect(page.get_by_test_id("stHeading").first).to_be_visible(timeout=seconds * 1000)
    page.wait_for_function(
        "!document.querySelector('[data-testid=stApp]').dataset.testScriptState?.match(/running/)",
        timeout=seconds * 1000,
    )
    if not re.search("/(train|runs)\\b", page.url):  # There a run that trains has a bar of its own.
        expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=seconds * 1000)


def open_page(page, server, address):
    page.goto(f"{server.url}/{address}")
    settled(page)
    assert page.get_by_test_id("stException").count() == 0


def query(small, sentences):
    return f"of={small}&models={small}&dataset={sentences}&limit=30&text=a%20dull%20but%20good%20film"
