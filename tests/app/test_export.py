"""Notebooks as files: Jupyter really runs them, HTML is one harmless file, and they come back."""

import io
import json
import re
import zipfile
from html.parser import HTMLParser

import nbformat
import pytest
from markdown_it import MarkdownIt
from nbclient import NotebookClient

from app.export.html import markdown, to_html, to_markdown
from app.export.jupyter import from_ipynb, to_ipynb
from app.shown import difference
from app.views import draw
from engine.analysis.catalogue import analyse, load
from engine.errors import UserError
from engine.notebook.cells import Content, Spec
from tests.browser.conftest import ROOT, chromium

EVIL = '<img src=x onerror="alert(1)"><script>alert(1)</script>'


@pytest.fixture
def contents(small):
    """A note, two results of one model, a question; texts and names with markup in them."""
    trace = {"method": "pgd", "settings": {"epsilon": 0.5}, "text": f"a dull but good film {EVIL}"}
    made = [
        Content(note=f"A note with $\\delta \\le \\epsilon$ and {EVIL}"),
        Content(note="Why?", answer=f"Because {EVIL}"),
    ]
    for view, options in (("tokens", {"step": 1}), ("loss", {})):
        result = analyse("trace", load("trace", str(small)), **trace)
        spec = Spec(analysis="trace", view=view, subjects={"": str(small)}, values=trace, options=options)
        shown = draw("trace", view, result, **options).document()
        made.append(
            Content(note=f"About {view}", spec=spec, shown=shown, facts={"seconds": 0.1, "models": {EVIL: "0"}})
        )
    values = {"dataset": "movie-sentiment", "limit": 10}
    spec = Spec(
        analysis="smoothness curve", view="ratio", subjects={"one": str(small), EVIL: str(small)}, values=values
    )
    return [*made, Content(spec=spec)]


def test_jupyter_runs_every_cell_and_finds_the_same(contents):
    file = nbformat.reads(to_ipynb("A notebook", contents).decode(), as_version=4)
    nbformat.validate(file)
    kept = [cell.metadata["deltabook"]["cell"]["shown"] for cell in file.cells if cell.cell_type == "code"]
    NotebookClient(file, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [
        [each for each in cell.outputs if each.output_type == "execute_result"]
        for cell in file.cells
        if cell.cell_type == "code"
    ]
    assert len(outputs) == 3 and all(len(each) == 1 for each in outputs)
    assert "data-token" in outputs[0][0]["data"]["text/html"]
    figure = outputs[1][0]["data"]["application/vnd.plotly.v1+json"]
    assert figure["data"][0]["y"] == pytest.approx(kept[1]["data"][0]["y"], rel=1e-4)
    names = [trace["name"] for trace in outputs[2][0]["data"]["application/vnd.plotly.v1+json"]["data"]]
    assert len(names) == 2 and "<img" not in "".join(names)


def test_foreign_markup_is_text_in_jupyter_and_markdown_too(contents):
    file = nbformat.reads(to_ipynb(f"Mine {EVIL}", contents).decode(), as_version=4)
    cells = [cell.source for cell in file.cells if cell.cell_type == "markdown"]
    with zipfile.ZipFile(io.BytesIO(to_markdown(f"Mine {EVIL}", contents[:2]))) as packed:
        cells.append(packed.read("notebook.md").decode())
    for source in cells:
        tags = Tags()
        tags.feed(MarkdownIt("commonmark", {"html": True}).render(source))
        assert "img" not in tags.tags and "script" not in tags.tags
    assert "onerror" in cells[0] and "alert(1)" in cells[1] and "$\\delta \\le \\epsilon$" in cells[1]


def test_an_exported_notebook_comes_back_whole(contents):
    data = to_ipynb(f"Mine {EVIL}", contents)
    name, back = from_ipynb(data)
    assert name == f"Mine {EVIL}"
    assert back == contents
    file = json.loads(data)
    file["cells"].append({"cell_type": "markdown", "id": "new", "metadata": {}, "source": "added in Jupyter"})
    file["cells"][1]["source"] = "edited in Jupyter"
    _, back = from_ipynb(json.dumps(file).encode())
    assert back[-1] == Content(note="added in Jupyter") and back[0].note == "edited in Jupyter"


@pytest.mark.parametrize(
    "data, words",
    [
        (b"\x00\x01", "not a Jupyter notebook"),
        (b"{}", "not a Jupyter notebook"),
        (nbformat.writes(nbformat.v4.new_notebook()).encode(), "not exported from Deltabook"),
    ],
)
def test_other_files_are_refused(data, words):
    with pytest.raises(UserError, match=words):
        from_ipynb(data)


def test_a_tampered_cell_is_refused(contents):
    file = json.loads(to_ipynb("x", contents))
    file["cells"][-1]["metadata"]["deltabook"]["cell"]["spec"]["analysis"] = {"$eval": 1}
    with pytest.raises(UserError, match="not a cell"):
        from_ipynb(json.dumps(file).encode())


class Tags(HTMLParser):
    """The tags and attributes of a page, and what stands in its scripts."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.inside = [], [], [], False

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.inside = tag == "script"

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts.append(data)


def test_the_html_file_needs_nothing_else_and_shows_foreign_markup_as_text(contents):
    page = to_html(f"Mine {EVIL}", contents).decode()
    tags = Tags()
    tags.feed(page)
    assert "img" not in tags.tags and not [name for name, _ in tags.attributes if name.startswith("on")]
    assert not [value for name, value in tags.attributes if name in ("src", "href")]
    assert not any("alert(1)" in script and "Plotly" not in script for script in tags.scripts)
    assert "&lt;script&gt;alert(1)" in page and "<math" in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    "inner", ["<svg/onload=alert(1)>", "<script>alert(1)</script>", '<a href="javascript:alert(1)">x</a>']
)
def test_a_formula_cannot_carry_markup(inner):
    made = markdown(f"$$\\text{{{inner}}}$$")
    tags = Tags()
    tags.feed(made)
    assert not {"svg", "script", "a"} & set(tags.tags)
    assert markdown("$$\\frac{a}{b}$$").count("<mfrac>") == 1


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: install Debian's package chromium")
def test_markdown_comes_with_its_pictures(contents):
    with zipfile.ZipFile(io.BytesIO(to_markdown("Mine", contents))) as file:
        text = file.read("notebook.md").decode()
        (picture,) = re.findall(r"\((pictures/\d+\.svg)\)", text)
        assert b"<svg" in file.read(picture) and b"<text" in file.read(picture)
    assert "| strip | place | token |" in text and "**Answer.** Because" in text


def test_a_result_of_before_and_after_a_round_trip_is_the_same(contents):
    _, back = from_ipynb(to_ipynb("x", contents))
    assert difference(contents[2].shown, back[2].shown) == ""
