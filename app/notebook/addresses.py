"""From a cell to the address of the page that shows the same thing."""

from typing import Any

from app.views import VIEWS
from engine.catalogue import analysis_of
from engine.notebook.cells import Spec
from engine.runs.run import RUN


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def address_of(spec: Spec) -> tuple[str, dict[str, str | list[str]]]:
    """A page's name and its query parameters for a cell: those it was pinned with, and its settings as they are now."""
    shown = VIEWS.get(spec.analysis)
    query: dict[str, str | list[str]] = dict(spec.query)
    if shown.part:
        query["view"] = shown.part
    values = dict(spec.values)
    names = {"text_pair": "pair", **shown.names}
    for name, value in values.items():
        if name == "settings" and isinstance(value, dict):
            prefix = shown.prefix or f"{shown.page}-{values.get('method', '')}-"
            for key, each in value.items():
                query.pop(f"{prefix}{key}-none", None)
                query |= {f"{prefix}{key}-none": "true"} if each is None else {f"{prefix}{key}": _text(each)}
        elif name == "towards" and isinstance(value, list):
            query |= {"place": _text(value[0]), "word": _text(value[1])}
        elif name == "epsilons" and isinstance(value, list):
            query[name] = ", ".join(f"{each:g}" for each in value)
        elif name == "runs" and isinstance(value, list):
            query[name] = [str(each) for each in value]
        elif value is None or name == "definition":
            query.pop(names.get(name, name), None)
        else:
            query[names.get(name, name)] = _text(value)
    kind = analysis_of(spec.analysis).kind
    references = list(spec.subjects.values())
    if kind == "classifier" and shown.several_models:
        query["models"] = references
    elif kind == "classifier" and "@" not in references[0]:
        query["of"] = references[0]
    elif kind in ("pair", "run") and references[0]:
        query["run"] = references[0].removeprefix(RUN)
    return shown.page, {name: value for name, value in query.items() if value != ""}
