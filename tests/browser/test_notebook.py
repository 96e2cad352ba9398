"""The notebook in a real browser: pin, annotate, reorder, restart, run again, export, import, present, links."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import expect

from app.notebook.export.jupyter import to_ipynb
from engine.notebook.cells import Content, Spec
from engine.notebook.store import Notebooks
from tests.browser.conftest import ROOT, Server
from tests.browser.driving import open_page, query, settled

pytestmark = pytest.mark.browser
EVIL = '<img src=x onerror="window.evil=1"><script>window.evil=1</script>'


@pytest.fixture
def own(tmp_path):
    """A server that the test may restart."""
    started = Server(tmp_path / "served" / "home")
    started.home.mkdir(parents=True)
    yield started.start()
    started.stop()


def pin(page, server, address, place=0):
    open_page(page, server, address)
    page.get_by_role("button", name="Pin").nth(place).click()
    expect(page.get_by_text("Pinned to My notebook")).to_be_visible()


def cells(page):
    return page.locator("[class*=st-key-cell-]")


def titles(page, *wanted):
    for place, title in enumerate(wanted):
        expect(cells(page).nth(place)).to_contain_text(title)


def download(page, name):
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as caught:
        page.get_by_role("button", name=name).click()
    page.keyboard.press("Escape")
    return caught.value


def test_pin_annotate_reorder_restart_run_again_export(page, own, small, sentences, browser, tmp_path, monkeypatch):
    common = query(small, sentences)
    pin(page, own, f"perturb?perturb-pgd-epsilon=0.4&{common}")
    pin(page, own, f"landscape?points=11&{common}")
    pin(page, own, f"smoothness?{common}")
    open_page(page, own, "notebook")
    names = ["Tokens, as dark", "The loss around a sentence", "ℓₛ of every example"]
    titles(page, *names)
    box = cells(page).nth(1)
    box.get_by_role("button", name="Edit the note").click()
    note = page.get_by_label(re.compile(r"^Note \("))
    note.fill(f"Steep in **one** direction: $\\delta$ {EVIL}")
    note.press("Tab")
    expect(box.locator(".katex").first).to_be_visible()
    expect(box.locator("p").get_by_text("<img src=x")).to_be_visible()
    cells(page).nth(2).get_by_role("button", name="Move up").click()
    titles(page, names[0], names[2], names[1])
    page.wait_for_timeout(500)

    own.stop()
    own.start()
    open_page(page, own, "notebook")
    titles(page, names[0], names[2], names[1])
    expect(cells(page).nth(2).get_by_text("Steep in one direction")).to_be_visible()
    cells(page).nth(0).get_by_role("button", name="Run (again)").click()
    expect(cells(page).nth(0).get_by_text("the same: every number within 0.1 %")).to_be_visible()

    # Settings changed in place; the same page opens with them.
    first = cells(page).nth(0)
    first.get_by_role("button", name="Change the settings").click()
    field = first.get_by_label("Epsilon", exact=True)
    field.fill("0.01")
    field.press("Tab")
    first.get_by_role("button", name="Run with these").click()
    expect(first.get_by_text(re.compile("with other settings: .* changed"))).to_be_visible()
    settled(page)
    opens = first.get_by_role("link", name="Open")
    expect(opens).to_have_count(1)  # While a page runs, what it drew before may still stand there too.
    link = opens.get_attribute("href")
    asked = parse_qs(urlsplit(link).query)
    assert asked["perturb-pgd-epsilon"] == ["0.01"] and asked["text"] == ["a dull but good film"]
    opens.click()
    settled(page)
    expect(page.get_by_label("Epsilon", exact=True)).to_have_value("0.01")
    expect(page.get_by_label("Sentence", exact=True)).to_have_value("a dull but good film")

    # Deleted and brought back.
    open_page(page, own, "notebook")
    cells(page).nth(1).get_by_role("button", name="Delete (can be undone)").click()
    expect(cells(page)).to_have_count(2)
    page.get_by_role("button", name="Undo", exact=True).click()
    titles(page, names[0], names[2], names[1])

    html = tmp_path / "notebook.html"
    download(page, "HTML").save_as(html)
    context = browser.new_context(offline=True)
    offline = context.new_page()
    asked_for = []
    offline.on("request", lambda request: asked_for.append(request.url))
    offline.goto(html.as_uri())
    expect(offline.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    expect(offline.locator("[data-token]").first).to_be_visible()
    expect(offline.get_by_text("<img src=x")).to_be_visible()
    assert offline.evaluate("window.evil") is None
    assert [url for url in asked_for if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()

    jupyter = tmp_path / "notebook.ipynb"
    download(page, "Jupyter").save_as(jupyter)
    monkeypatch.setenv("DELTABOOK_HOME", str(own.home))
    file = nbformat.read(jupyter, as_version=4)
    NotebookClient(file, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    shown = [
        each
        for cell in file.cells
        if cell.cell_type == "code"
        for each in cell.outputs
        if each.output_type == "execute_result"
    ]
    assert len(shown) == 3


def test_foreign_content_is_text_and_a_presentation_turns_its_pages(page, own, small, tmp_path, monkeypatch):
    spec = Spec(
        analysis="trace",
        view="tokens",
        subjects={EVIL: str(small)},
        values={"method": "pgd", "settings": {}, "text": EVIL},
    )
    strips = {"tokens": [EVIL], "values": [1.0], "titles": [EVIL], "faded": [False], "heading": EVIL}
    shown = {"kind": "strips", "largest": 1.0, "legend": EVIL, "unit": EVIL, "strips": [strips]}
    figure = {
        "kind": "figure",
        "data": [{"type": "bar", "x": [EVIL], "y": [1], "name": EVIL}],
        "layout": {"title": {"text": EVIL}},
    }
    table = {"kind": "table", "columns": [EVIL], "rows": [[EVIL]]}
    contents = [Content(note=EVIL, answer=EVIL)]
    contents += [
        Content(spec=spec, shown=each, facts={"models": {EVIL: EVIL}, "data": EVIL}) for each in (shown, figure, table)
    ]
    (tmp_path / "evil.ipynb").write_bytes(to_ipynb(f"Named {EVIL}", contents))
    open_page(page, own, "notebook")
    page.locator("input[type=file]").set_input_files(tmp_path / "evil.ipynb")
    expect(cells(page)).to_have_count(4)
    expect(cells(page).first.get_by_text("<img src=x").first).to_be_visible()
    page.wait_for_timeout(1000)
    assert page.evaluate("window.evil") is None
    assert page.locator("img[src=x]").count() == 0
    (tmp_path / "not.ipynb").write_text(json.dumps({"cells": []}))
    page.get_by_role("button", name="Notebook", exact=True).last.click()
    page.locator("input[type=file]").set_input_files(tmp_path / "not.ipynb")
    expect(page.get_by_text("was not exported from Deltabook")).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Present").click()
    expect(page.get_by_text("1 of 4")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("2 of 4")).to_be_visible()
    assert "present=1" in page.url
    page.get_by_role("button", name="End").click()
    expect(cells(page)).to_have_count(4)


def test_a_lesson_opens_from_home_and_computes(page, own, monkeypatch):
    open_page(page, own, "")
    page.get_by_role("link", name="What is a perturbation?").click()
    expect(page.locator("[data-token]").first).to_be_visible(timeout=120_000)
    expect(page.get_by_text(re.compile("To be run|Being computed"))).to_have_count(0, timeout=120_000)
    expect(page.get_by_text("Not run yet")).to_have_count(0)
    page.get_by_text("Answer").first.click()
    expect(page.get_by_text("It spends its budget")).to_be_visible()
    monkeypatch.setenv("DELTABOOK_HOME", str(own.home))
    (notebook,) = Notebooks().all()
    assert all(cell.content.shown for cell in Notebooks().cells(notebook.id) if cell.content.spec)


def test_run_all_goes_on_when_the_page_is_left_and_can_be_stopped(page, own, small, sentences, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(own.home))
    short = {"method": "pgd", "settings": {}, "text": "a dull but good film"}
    long = {"dataset": str(sentences), "limit": 200, "samples": 20_000, "split": "train"}
    specs = [
        Spec(analysis=analysis, view=view, subjects={"": str(small)}, values=values)
        for analysis, view, values in (
            ("trace", "tokens", short),
            ("trace", "loss", short),
            ("sandwich", "bounds", long),
        )
    ]
    made = Notebooks().create("a notebook", [Content(spec=spec) for spec in specs])
    open_page(page, own, "notebook")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_text("3 of its cells have no result yet")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Run all").click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    page.wait_for_timeout(500)
    page.get_by_role("link", name="Notebook", exact=True).click()
    expect(cells(page).nth(0).locator("[data-token]").first).to_be_visible(timeout=60_000)
    expect(cells(page).nth(1).locator(".js-plotly-plot")).to_be_visible(timeout=60_000)
    expect(cells(page).nth(2).get_by_text(re.compile("To be run|Being computed"))).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(cells(page).nth(2).get_by_text("Stopped: nothing was changed.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    assert [bool(cell.content.shown) for cell in Notebooks().cells(made.id)] == [True, True, False]


@pytest.mark.parametrize(
    "address, label, value",
    [
        ("perturb?view=Methods+side+by+side&epsilon=0.3&steps=2", "Epsilon", "0.3"),
        ("landscape?points=11&word=good&place=2", "in place of token number", "2"),
        ("smoothness?smoothness-epsilon=0.001", "Epsilon", "0.001"),
        ("attribution?method=FreeLB", "Method", "FreeLB"),
        ("projector?epsilon=0.15", "Epsilon", "0.15"),
        ("macbert?draw=7", "Draw", "7"),
    ],
)
def test_a_link_opens_the_same_view(page, server, browser, small, sentences, address, label, value):
    open_page(page, server, f"{address}&{query(small, sentences)}")
    if label == "Method":
        expect(page.get_by_label("Method", exact=True)).to_have_value(value)
        return
    field = page.get_by_label(label, exact=True).first
    expect(field).to_have_value(value)
    field.fill("3")
    field.press("Tab")
    expect(page).to_have_url(re.compile("=3(&|$)"))
    settled(page)
    context = browser.new_context()
    other = context.new_page()
    other.goto(page.url)
    expect(other.get_by_label(label, exact=True).first).to_have_value(re.compile("^3"), timeout=60_000)
    context.close()
