"""Choosing a method, and its settings: by a published preset, by the rule for one sentence, or one by one."""

from typing import Any

import streamlit as st

from app.drawing.escaping import plain
from app.shell.carrying import bring, keep
from app.widgets.inputs import linked
from app.widgets.settings import allowed, may_be_empty, settings
from engine.errors import UserError
from engine.methods import METHODS, get_method
from engine.methods.presets import RUN
from engine.runs.config import TrainConfig


def method_choice(key: str = "method", default: str = "pgd") -> Any:
    """Choose a method; returns its class."""
    names = METHODS.names()
    bring(key, key)
    linked(key, {name: get_method(name).title for name in names}, closed=True)
    chosen = st.selectbox(
        "Method",
        names,
        index=names.index(default),
        format_func=lambda name: get_method(name).title,
        key=key,
        bind="query-params",
        help="How δ is found and what the model learns from it.",
    )
    keep(key, chosen, default)
    return get_method(chosen)


def method_settings(method: Any, prefix: str, *, to_the_edge: bool = False) -> Any:
    """A choice of its published presets, and widgets for all its settings; returns a checked settings object.

    Args:
        to_the_edge: offer, and at first take, the step size 2ε/K, with which δ can reach the edge of its ball: what is trained with
            small steps shows little of what an adversary can do to one sentence.
    """
    chosen = None
    if method.presets:
        key = f"{prefix}-{method.name}-preset"
        chosen = st.selectbox(
            "Preset", list(method.presets), index=None, placeholder="none: Deltabook's own values", key=key,
            bind="query-params", on_change=_take_preset, args=(method, prefix, key),
            help="Fills in the settings of a published run, including its learning rate under How. They are meant for"
            " large encoders: their ε is in that model's units.",
        )  # fmt: skip
    schema, place = method.Settings.schema(), st.container()
    if to_the_edge and {"epsilon", "step_size", "ascent_steps"} <= set(schema):
        values = _with_step_size(schema, f"{prefix}-{method.name}", method.name)
    else:
        values = settings(schema, f"{prefix}-{method.name}", carried=method.name)
    if chosen:
        wanted = method.Settings.parse(method.preset(chosen)[0]).as_dict()
        if other := [name.replace("_", " ") for name, value in values.items() if value != wanted[name]]:
            st.caption(f"Changed from the preset: {plain(', '.join(other))}.")
    try:
        taken = allowed(f"{prefix}-{method.name}", method.Settings.parse(values))
        reach, epsilon = method(taken).reach, values.get("epsilon")
        if reach is not None and epsilon is not None and reach < epsilon:
            place.caption(
                f"With these steps ‖δ‖ cannot exceed {reach:.3g}: the ball of radius {epsilon:.3g} bounds nothing."
            )
        return taken
    except UserError as problem:
        return allowed(f"{prefix}-{method.name}", None, str(problem), method().settings)


def _with_step_size(schema: dict[str, Any], prefix: str, method: str) -> dict[str, Any]:
    """Widgets for all settings of a method that climbs in a ball; the step size is 2ε/K, or one's own."""
    first = ["epsilon", "ascent_steps"]
    values = settings(schema, prefix, first, method)
    if values["epsilon"] is not None:
        key = f"{prefix}-step_size"
        bring(f"{method}-step_size", key)
        usual = st.checkbox(
            "Step size 2ε/K", key not in st.query_params, f"{key}-usual", bind="query-params",
            help="With this step size K steps can cross the whole ball, so that δ reaches its edge. Switch it off to choose your own.",
        )  # fmt: skip
        if usual:
            values["step_size"] = 2 * values["epsilon"] / max(1, values["ascent_steps"])
            st.caption(f"α = 2ε/K = {values['step_size']:.3g}")
    return values | settings(schema, prefix, [name for name in schema if name not in values], method)


def _take_preset(method: Any, prefix: str, key: str) -> None:
    """Put a preset's values into the method's widgets, and into the run's where the page has them; without one, the defaults."""
    chosen = st.session_state[key]
    own, of_run = method.preset(chosen) if chosen else ({}, {})
    for name, schema in method.Settings.schema().items():
        key, value = f"{prefix}-{method.name}-{name}", own.get(name, schema.get("default"))
        if may_be_empty(schema) and schema.get("default") is not None:
            st.session_state[f"{key}-none"] = value is None
        st.session_state[key] = schema.get("default") if value is None else value
    usual = f"{prefix}-{method.name}-step_size-usual"
    if usual in st.session_state:
        st.session_state[usual] = not own
    run = TrainConfig.schema()
    for name in RUN:
        if f"run-{name}" in st.session_state:
            st.session_state[f"run-{name}"] = of_run.get(name, run[name]["default"])
