"""Notebooks as files: Jupyter really runs them, HTML is one harmless file, and they come back."""

import io
import json
import re
import zipfile
from html.parser import HTMLParser
from xml.etree import ElementTree

import nbformat
import pytest
from markdown_it import MarkdownIt
from nbclient import NotebookClient

from app.drawing.shown import Strip, Strips, difference
from app.drawing.strip_svg import as_svg
from app.notebook.captions import facts_line
from app.notebook.export.html import imported, markdown, to_html, to_markdown
from app.notebook.export.jupyter import code_of, from_ipynb, to_ipynb
from app.notebook.running import run
from app.views import draw
from engine.catalogue import analyse, load
from engine.errors import UserError
from engine.notebook.cells import Content, Spec
from engine.notebook.store import Notebooks
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
        pictures = re.findall(r"\((pictures/\d+\.svg)\)", text)
        assert len(pictures) == 2  # The figure and the strip.
        assert all(b"<svg" in file.read(each) and b"<text" in file.read(each) for each in pictures)
    assert "| strip | place | token |" in text and "**Answer.** Because" in text


def test_a_result_of_before_and_after_a_round_trip_is_the_same(contents):
    _, back = from_ipynb(to_ipynb("x", contents))
    assert difference(contents[2].shown, back[2].shown) == ""


INJECTED = {
    "values": [
        {"text=1);import os;os.environ.__setitem__('PWNED','1');x=(0": 1},
        {"not a name": 1}, {"class": 1}, {"": 1}, {"a-b": 1}, {"ａ": 1}, {"text\n": 1}, {"epsilon": float("nan")},
        {"settings": {"epsilon": float("inf")}},
    ],
    "options": [{"step=1);open('/tmp/x','w');y=(0": 1}, {"lambda": 1}, {"1": 1}],
}  # fmt: skip


@pytest.mark.parametrize("place, given", [(place, each) for place in INJECTED for each in INJECTED[place]])
def test_names_of_settings_that_are_code_are_refused_at_import_and_at_export(contents, place, given):
    file = json.loads(to_ipynb("A notebook", contents))
    cell = next(each for each in file["cells"] if each["cell_type"] == "code")
    cell["metadata"]["deltabook"]["cell"]["spec"][place] |= given
    with pytest.raises(UserError, match=r"not a cell of a notebook|not a Jupyter"):
        from_ipynb(json.dumps(file).encode())
    spec = contents[2].spec
    sly = spec.model_copy(update={place: {**getattr(spec, place), **given}})  # Past the check of the import.
    with pytest.raises(ValueError, match=r"no name of a setting|finite"):
        code_of(sly)


def test_odd_values_are_written_as_what_they_are_and_the_file_runs(contents, tmp_path):
    """Texts that would be code, quotes, backslashes, line ends: the exported file computes on them and does nothing else."""
    spec = contents[2].spec
    canary = tmp_path / "ran"
    text = f"a dull film'); open({str(canary)!r}, 'w'); (' \"\"\" \\ \n {{}} $x$ %s"
    odd = Content(
        note="n",
        spec=spec.model_copy(
            update={"values": {**spec.values, "text": text}, "subjects": {"'+x+'": spec.subjects[""]}}
        ),
    )
    name, (back,) = from_ipynb(to_ipynb("'); import os; ('", [odd]))
    assert back.spec == odd.spec and name == "'); import os; ('"
    file = nbformat.reads(to_ipynb(name, [back]).decode(), as_version=4)
    NotebookClient(file, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    assert any(each.output_type == "execute_result" for each in file.cells[-1].outputs)
    assert not canary.exists()


def test_a_kept_cell_that_is_no_longer_allowed_is_shown_as_a_note(contents):
    made = Notebooks().create("old", contents[2:3])
    bad = json.loads(contents[2].spec.model_dump_json())
    bad["values"]["x=1);y=(0"] = 1
    with Notebooks().writing() as connection:
        connection.execute("UPDATE cells SET finding = ?", (json.dumps(bad),))
    (cell,) = Notebooks().cells(made.id)
    assert (
        cell.content.spec is None
        and "About tokens" in cell.content.note
        and "no name of a setting" in cell.content.note
    )


def test_pictures_of_notes_are_links_in_every_export(contents):
    note = "![a](http://evil.example/a.png) and ![b][r]\n\n[r]: http://evil.example/b.png"
    content = Content(note=note, answer="![](http://evil.example/c.png)")
    assert "<img" not in to_html("n", [content]).decode().split("</script>")[-1]
    cells = nbformat.reads(to_ipynb("n", [content]).decode(), as_version=4).cells
    packed = zipfile.ZipFile(io.BytesIO(to_markdown("n", [content]))).read("notebook.md").decode()
    for made in ("".join(cell.source for cell in cells), packed):
        assert "![" not in made and "evil.example/a.png" in made


def test_what_a_file_says_of_its_own_checks_is_not_shown_as_ours(contents):
    claimed = contents[2].model_copy(update={"facts": {"checked": "the same", "checked_at": 1.0, "seconds": 0.1}})
    taken = imported(claimed)
    assert "checked" not in taken.facts and taken.spec == claimed.spec
    assert facts_line(taken).startswith("from a file, not checked here")
    assert not facts_line(claimed).startswith("from a file")
    assert imported(contents[0]) == contents[0]


def test_a_kept_result_that_cannot_be_read_is_no_hindrance_to_a_new_one(contents, monkeypatch):
    broken = contents[2].model_copy(update={"shown": {"kind": "figure", "figure": {}}})
    made = Notebooks().create("broken", [broken])
    (cell,) = Notebooks().cells(made.id)
    run([cell.id])
    (after,) = Notebooks().cells(made.id)
    assert after.content.shown["kind"] == "strips" and "checked" not in after.content.facts


def test_a_strip_as_a_picture_has_all_of_its_text_inside_its_width():
    tokens = ["[CLS]", *(["<b>&</b>", "电影", "wonderful"] * 12), "[SEP]"]
    marks = ["O", *(["B-PER"] * 36), "O"]
    strips = Strips([Strip(tokens, [0.5] * 38, [""] * 38, [True, *([False] * 36), True], f"Of {EVIL}", marks)], 1.0)
    made = ElementTree.fromstring(as_svg(strips))
    space = {"svg": "http://www.w3.org/2000/svg"}
    texts = [each.text for each in made.iterfind(".//svg:text", space)]
    assert texts[0] == f"Of {EVIL}"
    assert [each for each in texts if each in tokens] == tokens and texts.count("B-PER") == 36
    assert {each.tag.rpartition("}")[2] for each in made.iter()} == {"svg", "rect", "text"}
    edges = [float(each.get("x")) + float(each.get("width")) for each in made.iterfind(".//svg:rect[@x]", space)]
    assert max(edges) <= float(made.get("width"))
    assert max(float(each.get("y")) for each in made.iterfind(".//svg:text", space)) < float(made.get("height"))
