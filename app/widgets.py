"""Widgets made from settings, so that pages hold no second list of them. Their values stand in the page's URL."""

from typing import Any

import streamlit as st

from app.layout import plain


def _bounds(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The part of a field's schema with type and bounds, and whether it may be empty."""
    options = schema.get("anyOf", [schema])
    return next(each for each in options if each.get("type") != "null"), len(options) > 1


def setting(name: str, schema: dict[str, Any], key: str, default: Any = None) -> Any:
    """One widget for one field, with its bounds and help; returns its value."""
    inner, optional = _bounds(schema)
    default = schema.get("default") if default is None else default
    label = name.replace("_", " ").capitalize()
    shared = {"key": key, "help": schema.get("description"), "bind": "query-params"}
    if "enum" in inner:
        return st.selectbox(label, inner["enum"], index=inner["enum"].index(default), **shared)
    if inner.get("type") == "boolean":
        return st.checkbox(label, value=default, **shared)
    if inner.get("type") not in ("integer", "number"):
        return st.text_input(label, value=default or "", max_chars=inner.get("maxLength"), **shared)
    kind = int if inner["type"] == "integer" else float
    low, high = inner.get("minimum", inner.get("exclusiveMinimum")), inner.get("maximum")
    return st.number_input(
        f"{label} (empty: none)" if optional else label,
        min_value=None if low is None else kind(low),
        max_value=None if high is None else kind(high),
        value=None if default is None else kind(default),
        step=1 if kind is int else max(abs(default or 0.0) / 5, 1e-7),
        format="%d" if kind is int else "%.7g",
        **shared,
    )


def settings(schemas: dict[str, dict[str, Any]], prefix: str, names: list[str] | None = None) -> dict[str, Any]:
    """Widgets for the fields of a `Settings` class (all, or those named); returns the values."""
    return {name: setting(name, schemas[name], f"{prefix}-{name}") for name in names or schemas}


def method_choice(key: str = "method", default: str = "pgd") -> Any:
    """Choose a method; returns its class."""
    from engine.methods import REGISTRY, get_method

    names = list(REGISTRY)
    chosen = st.selectbox(
        "Method",
        names,
        index=names.index(default),
        format_func=lambda name: get_method(name).title,
        key=key,
        bind="query-params",
        help="How δ is found and what the model learns from it.",
    )
    return get_method(chosen)


def method_settings(method: Any, prefix: str) -> Any:
    """Widgets for all settings of a method, its published presets in the help; returns a checked settings object."""
    values = settings(method.Settings.schema(), f"{prefix}-{method.name}")
    return method.Settings.parse(values)


def classifier_choice() -> tuple[str | None, str | None]:
    """Choose what is looked at: the built-in model, a finished run, a folder or hub name. Returns (model, run)."""
    from engine.models import BUILTIN
    from engine.runs.store import Store

    finished = {f"run:{run.id}": run for run in Store().all() if run.status == "completed"}
    chosen = st.selectbox(
        "Model",
        [*BUILTIN, *finished],
        format_func=lambda name: f"{finished[name].title} · {finished[name].id}" if name in finished else name,
        accept_new_options=True,
        key="of",
        bind="query-params",
        help="The built-in encoder, one of your finished runs, or type a folder or hub name.",
    )
    chosen = chosen or next(iter(BUILTIN))
    return (None, chosen.removeprefix("run:")) if chosen.startswith("run:") else (chosen, None)


def origin_note(origin: str) -> None:
    """Say which classifier is looked at, and how it was made."""
    st.caption(f"Classifier: {plain(origin)}")
