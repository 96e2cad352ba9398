"""A notebook as a real Jupyter notebook: each cell the few lines of `engine` that make its result, and back again."""

import json
from collections.abc import Sequence
from pprint import pformat
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from app.drawing.escaping import disarmed, plain
from app.drawing.shown import shown_from
from app.notebook.captions import caption_of, facts_line, remarks_of, title_of
from app.views import view_of
from engine.errors import UserError
from engine.notebook.cells import Content, Spec, content_from

MARK = "deltabook"
MOST_CELLS = 500
INTRODUCTION = (
    "*Exported from Deltabook. Open it in Jupyter with Deltabook's folder as the working directory and its environment as"
    " the kernel; every cell can be run again.*"
)


def _call(first: str, values: dict[str, Any]) -> str:
    if not values:
        return f"{first})"
    lines = [f"    {name}={_literal(value, 5 + len(name))}," for name, value in values.items()]
    return "\n".join([f"{first},", *lines, ")"])


def _literal(value: Any, indent: int = 0) -> str:
    """A value as Python writes it, further lines indented."""
    return pformat(value, width=100 - indent, sort_dicts=False).replace("\n", "\n" + " " * indent)


def code_of(spec: Spec) -> str:
    """The lines that make a cell's result and draw it."""
    several = view_of(spec.analysis, spec.view).several
    spec = Spec.model_validate(spec.model_dump())  # Names of arguments alone may stand bare in code.
    parts = ["from app.views import draw", "from engine.catalogue import analyse, load", ""]
    if several:
        parts += [
            f"settings = {_literal(dict(spec.values), 11)}",
            f"subjects = {_literal(dict(spec.subjects), 11)}",
            "results = {",
            f"    name: analyse({spec.analysis!r}, load({spec.analysis!r}, reference), **settings)",
            "    for name, reference in subjects.items()",
            "}",
        ]
        result = "results"
    else:
        reference = next(iter(spec.subjects.values()))
        parts += [
            f"subject = load({spec.analysis!r}, {reference!r})",
            _call(f"result = analyse({spec.analysis!r}, subject", dict(spec.values)),
        ]
        result = "result"
    parts.append(_call(f"draw({spec.analysis!r}, {spec.view!r}, {result}", dict(spec.options)))
    return "\n".join(parts)


def _outputs(content: Content) -> list[Any]:
    if content.shown is None:
        return []
    shown = shown_from(content.shown)
    document = shown.document()
    if document["kind"] == "figure":
        data = {
            "application/vnd.plotly.v1+json": {"data": document["data"], "layout": document["layout"]},
            "text/plain": "A figure; open the notebook as trusted to see it.",
        }
    else:
        data = {"text/html": shown._repr_html_(), "text/plain": shown.table().to_string(max_rows=50)}
    return [new_output("execute_result", data=data, execution_count=1)]


def to_ipynb(name: str, contents: Sequence[Content]) -> bytes:
    """The notebook in nbformat 4, results included."""
    cells = [new_markdown_cell(f"# {plain(name)}\n\n{INTRODUCTION}", metadata={MARK: {"title": True}})]
    for content in contents:
        document = content.model_dump(mode="json", exclude={"shown"})
        if content.note or content.spec is None:
            # Its note is Markdown of the same name in Jupyter; what a cell is stands once, at its code if it has any.
            mark: dict[str, Any] = {"note": True} if content.spec else {"cell": document}
            cells.append(new_markdown_cell(disarmed(content.note or ""), metadata={MARK: mark}))
        if content.spec is not None:
            said = [
                f"**{plain(title_of(content))}**",
                caption_of(content.spec),
                facts_line(content),
                *remarks_of(content),
            ]
            about = "\n\n".join([said[0], *(plain(each) for each in said[1:] if each)])
            cells.append(new_markdown_cell(about, metadata={MARK: {"about": True}}))
            mark = {"cell": {**document, "shown": content.shown}}
            cells.append(
                new_code_cell(
                    code_of(content.spec),
                    metadata={MARK: mark},
                    outputs=_outputs(content),
                    execution_count=1 if content.shown else None,
                )
            )
        if content.answer:
            folded = f"<details><summary>Answer</summary>\n\n{disarmed(content.answer)}\n\n</details>"
            cells.append(new_markdown_cell(folded, metadata={MARK: {"answer": True}}))
    made = new_notebook(cells=cells, metadata={MARK: {"name": name}, "language_info": {"name": "python"}})
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return str(nbformat.writes(made)).encode()


def from_ipynb(data: bytes) -> tuple[str, list[Content]]:
    """Name and cells of an exported notebook; Markdown that was added in Jupyter comes along, other code does not.

    Raises:
        UserError: it is no notebook, or none that Deltabook exported.
    """
    try:
        found = nbformat.reads(data.decode("utf-8"), as_version=4)
        nbformat.validate(found)
    except Exception as problem:  # nbformat raises many kinds for what is not its format.
        raise UserError(f"This is not a Jupyter notebook ({type(problem).__name__}).") from None
    if MARK not in found.metadata:
        raise UserError("This Jupyter notebook was not exported from Deltabook: only such notebooks can be imported.")
    if len(found.cells) > MOST_CELLS:
        raise UserError(f"The notebook has {len(found.cells)} cells; {MOST_CELLS} are allowed.")
    contents = []
    for cell in found.cells:
        mark = json.loads(json.dumps(cell.metadata.get(MARK, {})))
        if "cell" in mark:
            document = dict(mark["cell"])
            if cell.cell_type == "markdown" and cell.source != disarmed(str(document.get("note", ""))):
                document["note"] = cell.source  # As edited in Jupyter.
            contents.append(content_from(document))
        elif not mark and cell.cell_type == "markdown":
            contents.append(Content(note=cell.source))
    return str(found.metadata[MARK].get("name", "Imported"))[:100] or "Imported", contents
