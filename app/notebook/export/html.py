"""A notebook as one HTML file that opens without a network, and as Markdown with pictures."""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from html import escape
from xml.etree import ElementTree

import plotly.io
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from plotly.offline import get_plotlyjs

from app.drawing.escaping import disarmed, plain, unpictured
from app.drawing.shown import Figure, Shown, Strips, Table, shown_from
from app.drawing.strips import SCRIPT, STYLE_SHEET
from app.notebook.captions import IMPORTED, caption_of, facts_line, remarks_of, title_of
from app.notebook.export.files import file_of
from engine.notebook.cells import Content
from engine.tables import as_markdown

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 920px; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
section { border-top: 1px solid #ddd; padding: 1rem 0 } h2 { font-size: 1.05rem } .facts { color: #666; font-size: .85rem }
table { border-collapse: collapse; font-size: .9rem } td, th { border: 1px solid #ddd; padding: .2rem .5rem; text-align: left }
math[display=block] { margin: .8rem 0 } pre { overflow-x: auto } details { margin: .6rem 0 }
"""
# Nothing may be fetched or sent; scripts are the file's own (plotly.js, which compiles shaders' code for 3-D figures).
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; img-src data: blob:; worker-src blob:"


def _is_mathml(made: str) -> bool:
    r"""Whether it is MathML and nothing else: the converter does not escape what stands in \text{…}."""
    try:
        elements = list(ElementTree.fromstring(made).iter())  # noqa: S314  (no DOCTYPE can stand before its <math>)
    except ElementTree.ParseError:
        return False
    return all(
        re.fullmatch(r"\{http://www.w3.org/1998/Math/MathML\}m[a-z]+", each.tag)
        and all(re.fullmatch(r"[a-z]+", name) and not name.startswith(("on", "href")) for name in each.attrib)
        for each in elements
    )


def _formula(source: str, options: dict[str, bool]) -> str:
    try:
        made = str(convert(source, display="block" if options["display_mode"] else "inline"))
    except Exception:  # It raises many kinds for what is not LaTeX; then the source is shown.
        made = ""
    return made if made and _is_mathml(made) else f"<code>{escape(source)}</code>"


def markdown(text: str) -> str:
    """Markdown with formulas as HTML; HTML in it is shown as text."""
    maker = MarkdownIt("commonmark", {"html": False}).enable("table")
    maker.use(dollarmath_plugin, renderer=_formula, allow_space=False)
    return str(maker.render(unpictured(text)))


def _body(shown: Shown) -> str:
    if isinstance(shown, Figure):
        shown.figure.update_layout(template="plotly_white")
        return str(
            plotly.io.to_html(shown.figure, include_plotlyjs=False, full_html=False, config={"displaylogo": False})
        )
    if isinstance(shown, Strips):
        data = {"shown": shown.payload(), "of": "", "step": shown.step, "token": shown.chosen}
        return f'<div data-strips="{escape(json.dumps(data))}"><div class="strips">{shown._repr_html_()}</div></div>'
    return str(shown.frame.to_html(index=False, escape=True, na_rep=""))


def imported(content: Content) -> Content:
    """A cell of a file: what it says of its own checks is that file's word, and is not shown as ours."""
    if content.shown is None:
        return content
    facts = {name: value for name, value in content.facts.items() if name not in ("checked", "checked_at")}
    return content.model_copy(update={"facts": {**facts, IMPORTED: True}})


def _strips_script() -> str:
    """The strips of the pages, without a server: the slider, Play and the keyboard work in the file, too."""
    draw = SCRIPT.read_text(encoding="utf-8").replace("export default function (", "function draw(", 1)
    every = 'document.querySelectorAll("[data-strips]")'
    return f"{draw}\nfor (const box of {every}) draw({{ data: JSON.parse(box.dataset.strips), parentElement: box }});"


def to_html(name: str, contents: Sequence[Content]) -> bytes:
    """One file with everything in it."""
    parts = []
    for content in contents:
        body = f"<h2>{escape(title_of(content))}</h2>" if content.spec else ""
        body += markdown(content.note)
        if content.shown is not None:
            body += _body(shown_from(content.shown))
            body += "".join(f"<p><strong>{escape(said)}</strong></p>" for said in remarks_of(content))
            body += f"<p>{escape(caption_of(content.spec))}</p>" if content.spec else ""
            body += f'<p class="facts">{escape(facts_line(content))}</p>'
        if content.answer:
            body += f"<details><summary>Answer</summary>{markdown(content.answer)}</details>"
        parts.append(f"<section>{body}</section>")
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}{STYLE_SHEET.read_text(encoding="utf-8")}</style>'
        f"<script>{get_plotlyjs()}</script></head><body><h1>{escape(name)}</h1>{''.join(parts)}"
        f'<script type="module">{_strips_script()}</script></body></html>'
    )
    return page.encode()


def to_markdown(name: str, contents: Sequence[Content]) -> bytes:
    """A ZIP file with `notebook.md` and its pictures (SVG).

    Raises:
        UserError: there is no Chromium or Chrome, which draws the pictures.
    """
    lines = [f"# {plain(name)}", ""]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for place, content in enumerate(contents, 1):
            if content.spec:
                lines += [f"## {plain(title_of(content))}", ""]
            lines += [disarmed(content.note), ""] if content.note else []
            if content.shown is not None:
                shown = shown_from(content.shown)
                if not isinstance(shown, Table):
                    file.writestr(f"pictures/{place}.svg", file_of(shown, "svg"))
                    lines += [f"![{plain(title_of(content))}](pictures/{place}.svg)", ""]
                if isinstance(shown, Strips) and shown.said:
                    lines += [plain(shown.said[-1 if shown.step is None else shown.step]), ""]
                if not isinstance(shown, Figure):
                    lines += [_rows(shown), ""]
                lines += [
                    plain(each) + "\n"
                    for each in (caption_of(content.spec) if content.spec else "", facts_line(content))
                    if each
                ]
            lines += [line for said in remarks_of(content) for line in (f"**{plain(said)}**", "")]
            if content.answer:
                lines += ["**Answer.** " + disarmed(content.answer), ""]
        file.writestr("notebook.md", "\n".join(lines))
    return packed.getvalue()


def _rows(shown: Shown) -> str:
    table = shown.table()
    rows = [[str(name) for name in table.columns]]
    for values in table.itertuples(index=False):
        rows.append([f"{value:.4g}" if isinstance(value, float) else str(value) for value in values])
    return as_markdown([[plain(cell) for cell in row] for row in rows])
