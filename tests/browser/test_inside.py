"""The pages that look inside: with no runs, with one that trains, with finished ones; in a real browser."""

import re
import time

import pytest
from playwright.sync_api import expect

from engine.runs import queue
from engine.runs.config import TrainConfig
from engine.runs.run import FINISHED
from engine.runs.store import Store
from tests.browser.driving import barriers, open_page, query

pytestmark = pytest.mark.browser

PAGES = (
    "",
    "perturb",
    "microscope",
    "landscape",
    "attribution",
    "smoothness",
    "table",
    "projector",
    "train",
    "runs",
    "notebook",
)


@pytest.fixture(scope="module")
def server(own_server):
    """A server of this file's own: its home has no runs at first."""
    return own_server


def test_every_page_opens_with_no_runs(page, server, small, sentences):
    found = {}
    for name in PAGES:
        open_page(page, server, f"{name}?{query(small, sentences)}" if name else "")
        assert page.title() == (
            f"{page.get_by_role('heading', level=1).inner_text()} · Deltabook" if name else "Deltabook"
        )
        found[name] = barriers(page)
    assert not any(found.values()), found
    open_page(page, server, "table")
    expect(page.get_by_text("There is no TextAT run yet")).to_be_visible()
    open_page(page, server, f"perturb?view=Across+training&{query(small, sentences)}")
    expect(page.get_by_text("No run has kept models")).to_be_visible()


def test_pages_show_what_they_promise(page, server, small, sentences):
    open_page(page, server, f"landscape?points=11&{query(small, sentences)}")
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    expect(page.locator(".contourlayer").first).to_be_attached()
    open_page(page, server, f"attribution?{query(small, sentences)}")
    expect(page.get_by_text("Completeness gap")).to_be_visible()
    expect(page.get_by_text("Rank correlation").first).to_be_visible()
    open_page(page, server, f"smoothness?{query(small, sentences)}")
    expect(page.get_by_text("The least smooth examples")).to_be_visible()
    expect(page.locator("[data-token]").nth(20)).to_be_visible()  # More than 20, once they are drawn.
    open_page(page, server, f"projector?{query(small, sentences)}")
    expect(page.get_by_text(re.compile("\\d+ sentences, UMAP"))).to_be_visible(timeout=90_000)
    open_page(page, server, f"perturb?view=Methods+side+by+side&steps=2&{query(small, sentences)}")
    for title in ("PGD", "FreeAT", "FreeLB", "SMART", "TextAT"):
        expect(page.locator(".strip-heading", has_text=re.compile(f"^{title} ·")).first).to_be_visible()
    expect(page.get_by_text("At which ε does the label flip?")).to_be_visible()
    open_page(page, server, f"perturb?view=A+data+set%27s+examples&{query(small, sentences)}")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_pages_with_a_run_that_trains_and_with_finished_ones(page, server, encoder, sentences, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    settings = {
        "batch_size": "8",
        "max_length": "32",
        "evaluations": "3",
        "keep_models": "true",
        "learning_rate": "1e-3",
    }
    config = {"method": "textat", "dataset": str(sentences), "model": str(encoder), "name": "finished <b>one</b>"}
    done = queue.submit(TrainConfig.build({**config, "max_steps": 30}, settings))
    while Store().get(done.id).status not in FINISHED:
        time.sleep(0.2)
    assert Store().get(done.id).status == "completed", Store().get(done.id).message
    assert sorted(Store().get(done.id).kept_models) == [10, 20, 30]
    settings["evaluations"] = "1000"
    running = queue.submit(
        TrainConfig.build(
            {**config, "max_steps": 20_000, "name": "still running"},
            settings | {"keep_models": "false", "checkpoints": "60"},
        )
    )
    try:
        while not Store().get(running.id).table_file.exists():
            time.sleep(0.2)
            assert Store().get(running.id).status in ("starting", "running")
        open_page(page, server, f"table?run={running.id}")
        text = page.get_by_text(re.compile("After step \\d+, \\d+ of \\d+ rows"))
        expect(text).to_be_visible()
        expect(page.get_by_text("tokens met most often")).to_be_visible(timeout=90_000)
        first = text.inner_text()
        page.wait_for_function("before => !document.body.innerText.includes(before)", arg=first, timeout=60_000)
        while Store().get(running.id).last_checkpoint is None:
            time.sleep(0.2)
        open_page(page, server, f"perturb?of=run:{running.id}&text=a%20dull%20but%20good%20film")
        expect(page.get_by_text(re.compile("running, its checkpoint \\d+"))).to_be_visible()
        expect(page.locator("[data-token]").filter(has_text="dull").first).to_be_visible()
    finally:
        queue.cancel(running.id)
        while Store().get(running.id).status not in FINISHED:
            time.sleep(0.2)
    open_page(page, server, f"table?run={done.id}&token=good")
    expect(page.get_by_text("cosine with the class direction")).to_be_visible(timeout=90_000)
    open_page(page, server, "train")
    expect(page.get_by_text("finished <b>one</b>").first).to_be_visible()  # A name is text, not HTML.
    common = f"dataset={sentences}&limit=20&text=a%20dull%20but%20good%20film"
    for name in PAGES:
        open_page(page, server, f"{name}?of=run:{done.id}&models=run:{done.id}&{common}")
    open_page(page, server, f"perturb?view=Across+training&run={done.id}&{common}")
    for step in (10, 20, 30):
        expect(page.get_by_text(re.compile(f"^step {step} ·"))).to_be_visible()
    open_page(page, server, f"runs?runs={done.id}&together=true")
    plot = page.locator(".js-plotly-plot")
    expect(plot).to_have_count(1)
    page.locator(".nsewdrag").first.hover()
    expect(page.locator(".hoverlayer .hovertext")).not_to_have_count(0)
    read = plot.evaluate("plot => plot._hoverdata.map(point => [point.yaxis._id, point.x])")
    assert len({axis for axis, _ in read}) > 2 and len({step for _, step in read}) == 1
    open_page(page, server, f"runs?runs={done.id}")  # Not the newest run, which was cancelled.
    expect(page.get_by_text("Load the model:")).to_be_visible()
