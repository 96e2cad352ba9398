"""What a pinned result is of, in words: method, ε, K, sentence, label, model, data; how it was made, and what is to be known of it."""

import time
from typing import Any

from app.views import view_of
from engine.catalogue import analysis_of
from engine.methods import METHODS, get_method
from engine.notebook.cells import Content, Spec
from engine.runs.run import RUN

MOST = 160
IMPORTED = "imported"  # In a cell's facts, until it is run here.
SYMBOLS = {"epsilon": "ε", "ascent_steps": "K", "step_size": "α", "steps": "K", "sigma": "σ", "alpha": "α"}
IN_TURN = ("epsilon", "ascent_steps", "step_size")  # Of a method's settings, what is said in any case.
ELSEWHERE = ("method", "settings", "text", "text_pair", "label", "dataset", "limit", "split", "seed", "others")


def caption_of(spec: Spec) -> str:
    """One line; "" for a result that is of nothing in particular."""
    values = spec.values
    of_method = method_of(values)
    if of_method and "settings" not in analysis_of(spec.analysis).Settings.names():  # Set up by `ascent.at_radius`.
        of_method = f"{get_method(values['method']).title}, α = 2ε/K"
    chosen = spec.options.get("chosen")
    some = f"{len(chosen)} chosen by hand of" if isinstance(chosen, list) and chosen else ""
    parts = [of_method, *_rest(values), _text(values), _label(values), f"{some} {_data(values)}".strip(), _models(spec)]
    return " · ".join(part for part in parts if part)


def method_of(values: dict[str, Any]) -> str:
    """The method with ε, K and step size, and what else is not as usual; "" for an analysis without one."""
    name, held = values.get("method"), values.get("settings")
    if not isinstance(name, str) or name not in METHODS:
        return ""
    method, given = get_method(name), held if isinstance(held, dict) else {}
    usual = {key: schema.get("default") for key, schema in method.Settings.schema().items()}
    said = [f"{SYMBOLS[key]} = {_value(given.get(key, usual[key]))}" for key in IN_TURN if key in usual]
    said += [
        f"{key.replace('_', ' ')} {_value(value)}"
        for key, value in given.items()
        if key in usual and key not in IN_TURN and value != usual[key]
    ]
    return ", ".join([str(method.title), *said])


def _rest(values: dict[str, Any]) -> list[str]:
    said = [
        f"{SYMBOLS[name]} = {_value(value)}" if name in SYMBOLS else f"{name.replace('_', ' ')} {_value(value)}"
        for name, value in values.items()
        if name not in ELSEWHERE and isinstance(value, (str, int, float, list)) and value not in ("", [], None, False)
    ]
    return [", ".join(said)] if said else []


def _text(values: dict[str, Any]) -> str:
    texts = [str(values[name]) for name in ("text", "text_pair") if values.get(name)]
    return " / ".join(f"“{text[:MOST]}{'…' * (len(text) > MOST)}”" for text in texts)


def _label(values: dict[str, Any]) -> str:
    if "text" not in values or "label" not in values:
        return ""
    return "against the model's own answer" if values["label"] in (None, "") else f"against {values['label']}"


def _data(values: dict[str, Any]) -> str:
    if not values.get("dataset") or values.get("text"):
        return ""
    name = str(values["dataset"]).rstrip("/").rsplit("/", 1)[-1]
    limit = values.get("limit")
    return f"{limit} examples of {name}" if limit else name


def _models(spec: Spec) -> str:
    names = [name or reference.removeprefix(RUN) for name, reference in spec.subjects.items() if name or reference]
    return ", ".join(name.rstrip("/").rsplit("/", 1)[-1] for name in names)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value))[:MOST]
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:MOST]


def title_of(content: Content) -> str:
    """What a cell shows; "" for text."""
    return "" if content.spec is None else view_of(content.spec.analysis, content.spec.view).title


def facts_line(content: Content) -> str:
    """How long it took, which weights and data it is of, and what came out when it was run again."""
    parts = ["from a file, not checked here: run it again"] if content.facts.get(IMPORTED) else []
    if "seconds" in content.facts:
        parts.append(f"took {content.facts['seconds']} s")
    models = content.facts.get("models")
    if isinstance(models, dict):
        parts += [f"model {name or 'ready-made'}: {print_}" for name, print_ in models.items()]
    if content.facts.get("data"):
        parts.append(f"data: {content.facts['data']}")
    if content.facts.get("checked"):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(str(content.facts["checked_at"]))))
        parts.append(f"run again {when}: {content.facts['checked']}")
    return " · ".join(parts)


def remarks_of(content: Content) -> list[str]:
    """What was said of the result when it was pinned (see `engine.subjects.remarks`)."""
    said = content.facts.get("remarks")
    return [str(each) for each in said] if isinstance(said, list) else []
