"""From a cell to the address of the page that shows the same thing."""

from typing import Any

from app.views import view_of
from engine.analysis.catalogue import analysis_of
from engine.notebook.cells import Spec

# Where a page calls a value by another name than the analysis does.
NAMES = {"text_pair": "pair", "model": "tokenizer"}
# Which of a page's views shows an analysis, where it is not the first one.
VIEWS = {
    "side by side": "Methods side by side",
    "flip": "Methods side by side",
    "examples": "A data set's examples",
    "judge": "Fool the discriminator",
    "masking statistics": "A corpus",
    "word attack": "Word attacks",
    "study": "Studies",
    "published": "Published tables",
}
PREFIXES = {"macbert": "mask-", "smoothness": "smoothness-"}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settings(page: str, values: dict[str, Any], settings: dict[str, Any]) -> dict[str, str]:
    prefix = PREFIXES.get(page, f"{page}-{values.get('method', '')}-")
    return {f"{prefix}{name}": _text(value) for name, value in settings.items() if value is not None}


def address_of(spec: Spec) -> tuple[str, dict[str, str | list[str]]]:
    """A page's name and its query parameters for a cell: those it was pinned with, and its settings as they are now."""
    page = view_of(spec.analysis, spec.view).page
    query: dict[str, str | list[str]] = dict(spec.query)
    if spec.analysis in VIEWS:
        query["view"] = VIEWS[spec.analysis]
    values = dict(spec.values)
    for name, value in values.items():
        if name == "settings" and isinstance(value, dict):
            query |= _settings(page, values, value)
        elif name == "towards" and isinstance(value, list):
            query |= {"place": _text(value[0]), "word": _text(value[1])}
        elif name == "epsilons" and isinstance(value, list):
            query[name] = ", ".join(f"{each:g}" for each in value)
        elif name == "seed" and page in ("electra", "macbert"):
            query["draw"] = _text(value)
        elif name == "runs" and isinstance(value, list):
            query[name] = [str(each) for each in value]
        elif value is None or name == "definition":
            query.pop(NAMES.get(name, name), None)
        else:
            query[NAMES.get(name, name)] = _text(value)
    needs = analysis_of(spec.analysis).needs
    references = list(spec.subjects.values())
    if needs == "classifier" and page in ("smoothness", "attribution", "compare"):
        query["models"] = references
    elif needs == "classifier" and "@" not in references[0]:
        query["of"] = references[0]
    elif needs in ("pair", "run") and references[0]:
        query["run"] = references[0].removeprefix("run:")
    return page, {name: value for name, value in query.items() if value != ""}
