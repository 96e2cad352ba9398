"""Compare in a real browser: a 2 × 2 study from its declaration to its table, attacks, the papers' tables."""

import re

import pytest
from playwright.sync_api import expect

from engine.runs.store import Store
from tests.browser.driving import barriers, open_page, query, settled

pytestmark = pytest.mark.browser


def test_a_study_of_two_methods_and_two_seeds(page, server, encoder, sentences, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    open_page(page, server, "compare?view=Studies")
    expect(page.get_by_text("There is no study yet")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("two by two")
    for label, value in (("Data sets", str(sentences)), ("Models", str(encoder))):
        box = page.get_by_label(label, exact=True).first
        box.click()
        box.press("Backspace")  # Takes the default away.
        box.fill(value)
        box.press("Enter")
        page.keyboard.press("Escape")
        expect(page.get_by_text(value[-12:]).first).to_be_visible()
    for label, value in (("Seeds", "2"), ("Max steps", "10"), ("Batch size", "8")):
        field = page.get_by_label(label, exact=True)
        field.fill(value)
        field.press("Tab")
    page.get_by_role("button", name="Start the study").click()
    expect(page.get_by_text(re.compile("4 runs: .*(queued|active)"))).to_be_visible(timeout=60_000)
    expect(page.get_by_text("4 runs: 4 completed")).to_be_visible(timeout=240_000)
    assert sorted(run.config["seed"] for run in Store().all()) == [0, 0, 1, 1]
    assert {run.step for run in Store().all()} == {10}
    expect(page.get_by_text(re.compile("★ the best of a column"))).to_be_visible()
    assert not barriers(page)
    with page.expect_download() as caught:
        page.get_by_role("button", name="LaTeX").click()
    found = caught.value.path().read_text()
    assert r"\begin{tabular}" in found and r"\textbf{" not in found  # Of two seeds no best one is named.
    page.get_by_text("Attack every model").click()
    expect(page.get_by_text(re.compile("Forward passes: what a run costs at least"))).to_be_visible(timeout=120_000)
    expect(page.locator(".xtitle", has_text="forward passes of a minibatch")).to_have_count(
        2
    )  # Clean, and under attack.
    expect(page).to_have_url(re.compile("study-attack=true"))


def test_the_ledger(page, server):
    open_page(page, server, "compare?view=Ledger")
    expect(page.get_by_text(re.compile(r"Of \d+ claims \d+ could be tested here"))).to_be_visible()
    expect(page.get_by_text("claimed", exact=True).first).to_be_visible()
    expect(page.get_by_text("Choose a row to measure its claim")).to_be_visible()
    assert not barriers(page)


def test_a_run_that_collapsed_is_marked_wherever_it_is_named(page, server, encoder, sentences):
    """With a learning rate of 1 a model ends up with one answer to everything."""
    address = (
        f"model={encoder}&dataset={sentences}&method=vanilla&run-max_steps=20&run-batch_size=8&run-learning_rate=1"
    )
    open_page(page, server, f"train?{address}")
    page.get_by_label("Name of the run (optional)").fill("too fast")
    page.get_by_label("Name of the run (optional)").press("Tab")
    page.get_by_role("button", name="Start training").click()
    ended = page.get_by_text(re.compile(r"too fast.*\n?.*completed")).first
    expect(ended).to_be_visible(timeout=120_000)
    run = re.search(r"· ([\w-]+-[0-9a-f]{6})", ended.inner_text()).group(1)
    mark = re.compile("⚠ (predicts (nearly )?one class|no better than the most frequent class)")
    open_page(page, server, f"runs?runs={run}")
    expect(page.get_by_text(mark).locator("visible=true").first).to_be_visible()  # The list is drawn, not written.
    chosen = f"models=run%3A{run}&dataset={sentences}&limit=30"
    for address in (f"compare?steps=2&restarts=1&{chosen}", f"smoothness?{chosen}"):
        open_page(page, server, address)
        expect(
            page.get_by_text(re.compile("class on its validation data: what is shown of it says nothing")).first
        ).to_be_visible()
        expect(page.locator(".js-plotly-plot").get_by_text(mark).first).to_be_visible()  # In the legend.


def test_attacks_and_the_papers_tables(page, server, small, sentences):
    common = query(small, sentences)
    open_page(page, server, f"compare?steps=2&restarts=1&samples=100000&{common}")
    expect(page.get_by_text("Is it as sure as it is right?")).to_be_visible(timeout=120_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    assert not barriers(page)
    page.get_by_text("Between two bounds", exact=True).click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    # Of the view before: it is no result of this one, which is still being computed.
    expect(page.get_by_text("Is it as sure as it is right?")).to_be_hidden(timeout=5_000)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=100)
    expect(page.get_by_label("Samples", exact=True)).to_have_value("100000")  # Long enough to be cancelled.
    page.get_by_role("button", name="Cancel").click()
    open_page(page, server, f"compare?view=Word+attacks&limit=10&{common}")
    expect(page.get_by_text(re.compile("^Before: says "))).to_be_visible(timeout=120_000)
    expect(page.get_by_text(re.compile("^After: says "))).to_be_visible()
    assert not barriers(page)
    open_page(page, server, "compare?view=Published+tables&paper=macbert-6")
    expect(page.get_by_text("What differs from a run here")).to_be_visible()
    assert "MacBERT" in page.get_by_label("Table", exact=True).get_attribute("value")
    settled(page)
    expect(page.get_by_text("Gain over the baseline")).to_be_visible()
    assert not barriers(page)


def test_what_takes_long_can_be_cancelled_and_asked_for_again(page, server, small, sentences):
    page.goto(f"{server.url}/compare?view=Between+two+bounds&samples=100000&{query(small, sentences)}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled before its end: nothing of this part is kept.")).to_be_visible()
    settled(page)
    assert page.locator(".js-plotly-plot").count() == 0
    page.get_by_role("button", name="Compute it after all").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled before its end: nothing of this part is kept.")).to_be_visible()
    for label, value in (("Samples", "10"), ("Examples", "2")):
        field = page.get_by_label(label, exact=True)
        field.fill(value)
        field.press("Tab")
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=60_000)


def test_both_bounds_in_words_and_by_intervals(page, server, small, sentences):
    common = query(small, sentences)
    open_page(page, server, f"compare?view=Between+two+bounds&against=changed+words&samples=20&{common}")
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=120_000)
    expect(page.get_by_text("train one with RanMASK")).to_be_visible()
    open_page(page, server, f"compare?view=Bounds+by+intervals&{common}")
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=120_000)
    expect(page.get_by_text("a dull but good film", exact=False).last).to_be_visible()


def test_the_papers_protocol_and_a_mark(page, server, small, sentences, monkeypatch):
    open_page(page, server, f"compare?view=Protocol&least_similar=-1&{query(small, sentences)}")
    expect(
        page.get_by_text(re.compile("Of .* successes of greedy search|Greedy search does not succeed"))
    ).to_be_visible(timeout=120_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    expect(
        page.get_by_role("radio", name="contextual").or_(page.get_by_role("button", name="contextual"))
    ).to_be_visible()
