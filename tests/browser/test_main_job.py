"""In a real browser: look at a sentence, train, reload, compare."""

import re
import time

import pytest
from playwright.sync_api import expect

from engine.runs.store import Store
from tests.browser.driving import settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(own_server):
    """A server of this file's own: one test kills it."""
    return own_server


def fill(page, label, value):
    """Type into a widget and leave it, as a person does."""
    box = page.get_by_label(label, exact=True)
    box.fill(str(value))
    box.press("Tab")


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def chips(page):
    return page.locator("[data-token]")


def colours(page):
    return chips(page).evaluate_all("each => each.map(chip => chip.style.background)")


def test_perturb_shows_tokens_that_change_with_the_step(page, server):
    page.goto(f"{server.url}/perturb")
    expect(page.get_by_role("heading", name="Perturb", exact=True)).to_be_visible()
    expect(chips(page).first).to_be_visible(timeout=120_000)
    box = page.get_by_label("Sentence", exact=True)
    box.fill("A wonderfully dull <script>alert(1)</script> film.")
    box.press("Control+Enter")
    expect(chips(page).filter(has_text="dull")).to_be_visible()
    expect(chips(page).filter(has_text="script").first).to_be_visible()  # Shown as text, not run.
    at_end = colours(page)
    assert len(set(at_end)) > 3
    slider = page.get_by_role("slider", name="Ascent step")
    slider.focus()
    slider.press("Home")
    expect(page).to_have_url(re.compile(r"step=0"))
    page.wait_for_function(
        "before => JSON.stringify([...document.querySelectorAll('[data-token]')].map(c => c.style.background))"
        " != JSON.stringify(before)",
        arg=at_end,
    )
    assert len(set(colours(page))) == 1  # PGD starts at δ = 0: nothing has moved yet.
    assert "‖δ‖ = 0 at step 0" in chips(page).first.get_attribute("title")
    # The link alone opens the same view.
    page.goto(page.url)
    expect(chips(page).filter(has_text="dull")).to_be_visible()
    assert len(set(colours(page))) == 1


def test_perturb_says_what_is_wrong_with_a_text(page, server):
    page.goto(f"{server.url}/perturb")
    expect(chips(page).first).to_be_visible(timeout=120_000)
    box = page.get_by_label("Sentence", exact=True)
    box.fill("   ")
    box.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("The text is empty")
    box.fill("very good film " * 3400)
    box.press("Control+Enter")
    expect(page.get_by_text("The text is empty")).to_have_count(0, timeout=60_000)
    expect(page.get_by_role("alert")).to_contain_text("the model reads the first 512 of its")


def test_train_survives_a_reload_and_ends_on_runs(page, server, encoder, sentences, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    page.goto(f"{server.url}/train?model={encoder}&dataset={sentences}&run-max_steps=20&run-batch_size=8&method=freelb")
    expect(page.get_by_role("button", name="Start training")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(re.compile("step \\d+ of 20")).first).to_be_visible(timeout=90_000)
    page.reload()
    expect(page.get_by_text(re.compile("freelb on sentences")).first).to_be_visible()
    page.goto(f"{server.url}/runs")
    expect(page.get_by_text(re.compile("completed · step 20 of 20"))).to_be_visible(timeout=90_000)
    expect(page.get_by_text("AutoModelForSequenceClassification.from_pretrained").first).to_be_visible()
    assert Store().find("latest").status == "completed"
    # Only a run that was chosen can be deleted, which asks first.
    expect(page.get_by_role("button", name="Delete …")).to_have_count(0)
    page.goto(f"{server.url}/runs?runs={Store().find('latest').id}")
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("There are no runs yet")).to_be_visible()
    assert Store().all() == []


def test_a_reload_in_the_middle_finds_the_run_and_cancel_stops_it(page, server, encoder, sentences, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    page.goto(f"{server.url}/train?model={encoder}&dataset={sentences}&run-max_steps=5000&run-batch_size=8&method=pgd")
    page.get_by_role("button", name="Start training").click()
    line = page.get_by_text(re.compile("running · step [1-9]\\d* of 5000")).first
    expect(line).to_be_visible(timeout=90_000)
    step = int(re.search("step (\\d+)", line.inner_text()).group(1))
    page.reload()
    line = page.get_by_text(re.compile("running · step [1-9]\\d* of 5000")).first
    expect(line).to_be_visible()
    assert int(re.search("step (\\d+)", line.inner_text()).group(1)) >= step
    run = Store().find("latest")
    server.stop()  # kill -9: the training goes on without it, and the next server finds it.
    wait_until(lambda: Store().get(run.id).step > run.step + 3)
    server.start()
    page.goto(f"{server.url}/runs")
    line = page.get_by_text(re.compile("running · step [1-9]\\d* of 5000")).first
    expect(line).to_be_visible(timeout=60_000)
    assert Store().get(run.id).pid == run.pid
    page.get_by_role("button", name="Cancel").first.click()
    expect(page.get_by_text(re.compile("cancelled · step")).first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Resume").first).to_be_visible()
    run = Store().find("latest")
    assert run.status == "cancelled"
    Store().delete(run.id)


def test_train_shows_bad_input_in_a_box(page, server, sentences, tmp_path, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    (tmp_path / "columns.tsv").write_text("words\tclass\na\t0\n")
    page.goto(f"{server.url}/train?dataset={tmp_path / 'columns.tsv'}")
    page.get_by_role("button", name="Start training").click(timeout=60_000)
    expect(page.get_by_role("alert").filter(has_text="label column")).to_be_visible()
    page.goto(f"{server.url}/train?model=./nowhere&dataset={sentences}")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("alert").filter(has_text="A model must be a folder")).to_be_visible()
    page.set_input_files(
        'input[type="file"]', files=[{"name": "b.csv", "mimeType": "text/csv", "buffer": b"\0\1\2" * 99}]
    )
    expect(page.get_by_role("alert").filter(has_text="binary file")).to_be_visible()
    assert Store().all() == []
    assert not list((server.home / "uploads").glob("*.csv"))


def test_an_uploaded_file_can_be_chosen(page, server, monkeypatch):
    from tests import tiny

    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    page.goto(f"{server.url}/train")
    expect(page.get_by_role("button", name="Start training")).to_be_visible(timeout=60_000)
    content = tiny.sentences(120).encode()
    page.set_input_files(
        'input[type="file"]',
        files=[{"name": "../../my film.tsv", "mimeType": "text/tab-separated-values", "buffer": content}],
    )
    expect(page.get_by_text("classification").first).to_be_visible()
    kept = list((server.home / "uploads").glob("*"))
    assert [path.read_bytes() for path in kept] == [content]


def test_home_leads_to_every_page(page, server):
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Deltabook")).to_be_visible()
    for name in ("Perturb", "Train"):
        page.get_by_role("link", name=f"Open {name}").click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=60_000)
        page.goto(server.url)


def test_a_preset_fills_in_what_a_published_run_used(page, server):
    page.goto(f"{server.url}/train")
    expect(page.get_by_role("button", name="Start training")).to_be_visible(timeout=60_000)

    def choose(label, option):
        page.get_by_label(label, exact=True).first.click()
        page.get_by_role("option", name=option, exact=True).click()
        page.wait_for_timeout(500)
        settled(page)

    def shows(label, value):
        expect(page.get_by_label(label, exact=True).first).to_have_value(value, timeout=20_000)

    choose("Preset", "RoBERTa-large CoLA")
    for label, value in (("Epsilon", "0.3"), ("Ascent steps", "4"), ("Learning rate", "0.00001")):
        shows(label, value)
    expect(page).to_have_url(re.compile("train-freelb-preset=RoBERTa-large"))
    choose("Method", "PGD")
    shows("Epsilon", "0.5")
    choose("Method", "FreeLB")  # It is still that of the preset, and says so.
    shows("Preset", "RoBERTa-large CoLA")
    shows("Epsilon", "0.3")
    fill(page, "Epsilon", "0.9")
    expect(page.get_by_text("Changed from the preset: epsilon.")).to_be_visible()
