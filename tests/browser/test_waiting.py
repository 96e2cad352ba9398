"""What takes long is asked for, can be cancelled, and is in nobody's way."""

import re
import statistics
import time

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import running
from tests.browser.driving import open_page, query, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    """A server that asks before everything that it expects to take longer than a moment."""
    with running(tmp_path_factory, asks_above=0.0005) as started:
        yield started


def at_work(server, seconds=1.0):
    """The share of a core that the server's processes use, its own aside."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    before = [sum(child.cpu_times()[:2]) for child in children]
    time.sleep(seconds)
    return sum(sum(child.cpu_times()[:2]) - was for child, was in zip(children, before, strict=True)) / seconds


def found_at_work(server, tries=30):
    """Whether the server's processes are soon seen at work: they have only what others leave of a busy machine's cores."""
    return any(at_work(server) > 0.3 for _ in range(tries))


def test_a_page_asks_before_what_takes_long_and_cancel_ends_the_work(page, asking, small, sentences):
    address = f"compare?view=Between+two+bounds&samples=100000&{query(small, sentences)}"
    open_page(page, asking, address)
    run = page.get_by_role("button", name=re.compile("Run .*about"))
    expect(run).to_be_visible()
    assert page.locator(".js-plotly-plot").count() == 0
    assert at_work(asking) < 0.2
    run.click()
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile(r"Voting and attacking: \d"))
    expect(run).to_be_hidden()
    assert found_at_work(asking)
    cancel.click()
    expect(page.get_by_text("Cancelled before its end: nothing of this part is kept.")).to_be_visible()
    time.sleep(2)
    assert at_work(asking) < 0.2


def test_what_is_cheap_is_there_at_once_and_other_settings_are_asked_for_anew(page, asking, small, sentences):
    open_page(page, asking, f"smoothness?limit=10&{query(small, sentences).replace('limit=30', 'limit=10')}")
    run = page.get_by_role("button", name=re.compile("Run .*about"))
    run.click()
    settled(page)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.get_by_text("The least smooth examples").first).to_be_visible(
        timeout=60_000
    )  # One button for all parts of the page.
    expect(run).to_have_count(0)
    page.reload()
    settled(page)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()  # What was computed once is there at once.
    open_page(page, asking, f"smoothness?limit=10&seed=5&{query(small, sentences).replace('limit=30', 'limit=10')}")
    expect(run).to_be_visible()
    assert page.locator(".js-plotly-plot").count() == 0


@pytest.mark.alone  # It measures time.
def test_who_comes_back_finds_what_went_on(page, server, small, sentences):
    address = f"compare?view=Between+two+bounds&samples=6000&seed=9&{query(small, sentences)}"
    page.goto(f"{server.url}/{address}")
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile(r"Voting and attacking: \d"))
    open_page(page, server, "home")
    calm = 0  # What takes long has the cores that others leave: on a busy machine it may hardly be seen at work.
    for _ in range(300):
        calm = calm + 1 if at_work(server, 0.5) < 0.01 else 0
        if calm == 4:
            break
    began = time.monotonic()
    open_page(page, server, address)
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=60_000)
    assert time.monotonic() - began < 4


@pytest.mark.alone
def test_smoothness_in_one_session_does_not_hold_up_a_trace_in_another(browser, server):
    """200 sentences in one, a trace in the other at most twice as slow as by itself."""
    first, second = (browser.new_context().new_page() for _ in range(2))
    number = iter(range(1000))

    def trace():
        began = time.monotonic()
        second.goto(f"{server.url}/perturb?text=a+dull+but+good+film+number+{next(number)}")
        settled(second)
        expect(second.locator(".js-plotly-plot").first).to_be_visible()
        return time.monotonic() - began

    trace()
    alone = statistics.median(trace() for _ in range(5))
    first.goto(f"{server.url}/smoothness?limit=200")
    # Of 200 sentences, and of the tokens of the 8 least smooth.
    expect(first.get_by_test_id("stProgress")).to_contain_text(re.compile(r"ℓₛ.*: \d+ of 208"), timeout=60_000)
    beside = statistics.median(trace() for _ in range(5))
    expect(first.get_by_test_id("stProgress").first).to_be_visible()  # It still runs.
    for each in (first, second):
        each.context.close()
    assert beside < 2 * alone, (beside, alone)
