"""δ anywhere, in a real browser: a LoRA run and a tagger from a CoNLL file, from Train to Perturb; a cell of the layers."""

import re

import pytest
from playwright.sync_api import expect

from tests import tiny
from tests.browser.driving import open_page, query, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(own_server):
    """A server of this file's own: it leaves runs behind."""
    return own_server


def train(page, server, address):
    open_page(page, server, f"train?{address}&run-batch_size=8&run-learning_rate=0.005")


def started(page, name):
    """Start the run with a name of its own, and wait until it has ended; returns its id."""
    page.get_by_label("Name of the run (optional)").fill(name)
    page.get_by_label("Name of the run (optional)").press("Tab")
    page.get_by_role("button", name="Start training").click()
    ended = page.get_by_text(re.compile(rf"{name}.*\n?.*completed")).first
    expect(ended).to_be_visible(timeout=120_000)
    return re.search(r"· ([\w-]+-[0-9a-f]{6})", ended.inner_text()).group(1)


def test_a_run_with_adapters_from_train_to_perturb(page, server, encoder, sentences):
    train(page, server, f"model={encoder}&dataset={sentences}&run-max_steps=12&method=freelb&run-lora=4")
    run = started(page, "adapted")
    open_page(page, server, f"perturb?of=run%3A{run}&text=a%20dull%20but%20good%20film")
    expect(page.get_by_text(f"Classifier: run adapted ({run})")).to_be_visible()
    expect(page.locator("[data-token]", has_text="dull")).to_be_visible()
    expect(page.get_by_text(re.compile("The label (flips|holds)"))).to_be_visible()


def test_a_tagger_from_a_file_to_coloured_tokens(page, server, encoder):
    open_page(page, server, f"train?model={encoder}")
    content = tiny.tagged(300).encode()
    page.locator("input[type=file]").set_input_files(
        {"name": "kinds.conll", "mimeType": "text/plain", "buffer": content}
    )
    kept = page.get_by_text(re.compile(r"kinds-\w+\.conll is kept, and chosen above\. Token classification: \d+ train"))
    expect(kept).to_be_visible(timeout=60_000)
    file = re.search(r"kinds-\w+\.conll", kept.inner_text()).group()
    expect(page.get_by_role("combobox", name="Data set")).to_have_value(file)
    train(page, server, f"model={encoder}&dataset={server.home}/uploads/{file}&run-max_steps=120&method=pgd")
    run = started(page, "tagger")
    strong = "perturb-pgd-epsilon=8&perturb-pgd-step_size=4"
    open_page(page, server, f"perturb?of=run%3A{run}&text=the%20film%20was%20lovely%20superb%20on%20monday&{strong}")
    marks = page.locator("[data-mark]")
    expect(marks.filter(has_text=re.compile("^B-GOOD$")).first).to_be_visible()
    expect(marks.filter(has_text=re.compile("^I-GOOD$")).first).to_be_visible()
    colours = marks.evaluate_all("each => each.map(mark => mark.style.borderTopColor)")
    assert len(set(colours)) >= 2
    expect(page.get_by_text(re.compile(r"\d of 7 words get another tag"))).to_be_visible()
    page.get_by_role("textbox", name="Loss is taken against the tags").fill("O O")
    page.get_by_role("textbox", name="Loss is taken against the tags").press("Tab")
    expect(page.get_by_text("A label is needed for each of the 7 words")).to_be_visible()
    for view in ("Methods+side+by+side", "What+is+certain", "A+data+set's+examples"):
        open_page(page, server, f"perturb?view={view}&of=run%3A{run}")
        expect(page.get_by_text("this model tags every token")).to_be_visible()
        # It is the model that does not fit, not the data.
        expect(page.get_by_text("movie-sentiment is a")).to_have_count(0)
    for view in ("One+method", "Through+the+layers"):
        open_page(page, server, f"perturb?view={view}&of=run%3A{run}")
        expect(page.get_by_label("Sentence", exact=True)).to_be_visible()
        expect(page.get_by_label("Second sentence")).to_have_count(0)  # There are no pairs of tagged texts.


def test_a_cell_of_the_layers_shows_its_numbers(page, server, small, sentences):
    open_page(page, server, f"perturb?view=Through+the+layers&{query(small, sentences)}")
    expect(page.get_by_text("Click a cell for its token's numbers")).to_be_visible()
    place = page.locator(".js-plotly-plot .scatterlayer .point").nth(10)
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_text(re.compile(r"is moved by [\d.]+% of its length at the input of"))).to_be_visible()
    settled(page)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_a_radius_can_be_left_out_and_the_address_knows_it(page, server, small, sentences):
    address = f"perturb?perturb-pgd-step_size=2&{query(small, sentences)}"
    open_page(page, server, address)
    expect(page.locator(".strip-legend")).to_be_visible()
    before = page.locator("[data-token]").first.get_attribute("title")
    page.get_by_text("No epsilon", exact=True).click()
    settled(page)
    expect(page.get_by_label("Epsilon", exact=True)).to_be_disabled()
    expect(page).to_have_url(re.compile("perturb-pgd-epsilon-none=true"))
    # K = 3 steps of 2 lead out of the ball of 0.5.
    expect(page.locator("[data-token]").first).not_to_have_attribute("title", before)
    after = page.locator("[data-token]").first.get_attribute("title")
    page.goto(page.url)
    settled(page)
    expect(page.get_by_label("Epsilon", exact=True)).to_be_disabled()
    expect(page.locator("[data-token]").first).to_have_attribute("title", after)
