"""ELECTRA and MacBERT in a real browser."""

import re
import time
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from engine.runs import queue
from engine.runs.config import TrainConfig
from engine.runs.run import FINISHED
from engine.runs.store import Store
from tests.browser.driving import barriers, open_page, settled

pytestmark = pytest.mark.browser


def test_macbert_shows_the_strategies_side_by_side(page, server):
    page.goto(f"{server.url}/macbert")
    expect(page.get_by_text("Every selected word, n-gram by n-gram")).to_be_visible(timeout=180_000)
    for words in ("Original masking", "Whole word masking", "N-gram masking", "Mac masking: n-grams"):
        expect(page.get_by_text(words).first).to_be_visible()
    settled(page)
    assert not barriers(page)
    page.get_by_role("button", name="中文").click()
    expect(page.locator("[data-token]", has_text="下一个").first).to_be_visible(timeout=180_000)
    before = page.locator("[data-token]").all_inner_texts()
    page.get_by_role("button", name="Sample again").click()
    page.wait_for_function(
        "before => JSON.stringify([...document.querySelectorAll('[data-token]')].map(c => c.innerText)) != JSON.stringify(before)",
        arg=before,
    )
    open_page(page, server, "macbert?view=A+corpus&limit=300&dataset=movie-sentiment")
    expect(page.get_by_text(re.compile("of \\d+ words in 300 texts were selected"))).to_be_visible(timeout=60_000)
    open_page(page, server, "macbert?tokenizer=minilm&text=%E2%80%A6%E2%80%A6")
    expect(page.get_by_role("alert")).to_contain_text("finds no word")
    open_page(page, server, "macbert?similar=fr")
    expect(page.get_by_role("alert")).to_contain_text("none of them")


def test_electra_detects_and_can_be_played_with(page, server, encoder, sentences, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    run = queue.submit(
        TrainConfig.build(
            {"method": "electra", "dataset": str(sentences), "model": str(encoder), "max_steps": 20},
            {"batch_size": "8"},
        )
    )
    while Store().get(run.id).status not in FINISHED:
        time.sleep(0.2)
    assert Store().get(run.id).status == "completed", Store().get(run.id).message
    # A select box is found in the address by what it shows, not by its value.
    address = f"electra?run={quote(f'{run.title} · {run.id}')}&text=a+very+good+film+with+music+and+people"
    open_page(page, server, address)
    expect(page.get_by_text("What the discriminator says of every token")).to_be_visible()
    expect(page.get_by_text(re.compile("\\d+ masked, \\d+ really replaced"))).to_be_visible()
    assert not barriers(page)
    before = page.locator("[data-token]").all_inner_texts()
    for _ in range(3):
        page.get_by_role("button", name="Sample again").click()
        settled(page)
    page.wait_for_function(
        "before => JSON.stringify([...document.querySelectorAll('[data-token]')].map(c => c.innerText)) != JSON.stringify(before)",
        arg=before,
    )
    open_page(page, server, f"{address}&view=Fool+the+discriminator&yours=a+very+awful+film+with+music+and+people")
    expect(page.get_by_text(re.compile("got past it"))).to_be_visible()
    assert not barriers(page)
    open_page(page, server, f"{address}&view=Pre-train&pre-model={encoder}&pre-dataset={sentences}")
    expect(page.get_by_role("button", name="Start pre-training")).to_be_visible()
    expect(page.get_by_text(re.compile("completed · step 20 of 20")).first).to_be_visible()
