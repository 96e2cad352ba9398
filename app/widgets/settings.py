"""Widgets made from settings, so that pages hold no second list of them."""

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from app.shell.address import said_if_unknown
from app.shell.carrying import bring, keep
from app.shell.layout import plain
from engine.catalogue import analysis_of
from engine.settings import in_words

GREYED = (
    "<style>[data-testid=stMain] :is(.js-plotly-plot, .strips, [data-testid=stDataFrame], .stMarkdown strong)"
    " { opacity: 0.35 }</style>"
)
BOUNDS = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
}
_WRONG = "wrong settings"
OWN: Any = object()  # A field's own default.
CARRIED = {"seed": "seed", "epsilon": "epsilon", "site": "site"}  # Settings that mean the same on every page.


def _bounds(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The part of a field's schema with type and bounds, and whether it may be empty."""
    options = schema.get("anyOf", [schema])
    return next(each for each in options if each.get("type") != "null"), len(options) > 1


def may_be_empty(schema: dict[str, Any]) -> bool:
    """Whether a field may be empty."""
    return _bounds(schema)[1]


def setting(
    name: str,
    schema: dict[str, Any],
    key: str,
    default: Any = OWN,
    *,
    linked_to_address: bool = True,
    carried: str = "",
) -> Any:
    """One widget for one field, with its bounds and help; returns its value.

    A number that may be empty, but is not at first, has a box beside it: Streamlit puts a first value back when it is deleted.

    A number is chosen by a slider where its field names a `handy` range: first, last, step.

    Args:
        carried: what it is called from page to page (see `shell.carrying`); "": it stays on its page.
    """
    if carried and linked_to_address:
        bring(carried, key)
        found = setting(name, schema, key, default)
        keep(carried, found, schema.get("default") if default is OWN else default)
        return found
    inner, optional = _bounds(schema)
    own = schema.get("default")
    default = own if default is OWN else default
    label = name.replace("_", " ").capitalize()
    shared: dict[str, Any] = {"key": key, "help": schema.get("description")}
    if linked_to_address:
        shared["bind"] = "query-params"
    if "enum" in inner:
        if linked_to_address:
            said_if_unknown(key, inner["enum"])
        return st.selectbox(label, inner["enum"], index=inner["enum"].index(default), **shared)
    if inner.get("type") == "boolean":
        return st.checkbox(label, value=default, **shared)
    if inner.get("type") not in ("integer", "number"):
        shown = ", ".join(f"{each:g}" for each in default) if inner.get("type") == "array" else default
        return st.text_input(
            label, value="" if shown is None else str(shown), max_chars=inner.get("maxLength"), **shared
        )
    kind = int if inner["type"] == "integer" else float
    if "handy" in schema:
        first, last, step = map(kind, schema["handy"])
        return st.slider(label, first, last, kind(default), step, **shared)
    shared["disabled"] = False
    if optional and own is not None:
        box = {"bind": shared["bind"]} if linked_to_address else {}
        shared["disabled"] = st.checkbox(f"No {label.lower()}", default is None, f"{key}-none", **box)
        default = own if default is None else default
    low, high = inner.get("minimum", inner.get("exclusiveMinimum")), inner.get("maximum")
    # Without bounds: what breaks them would not be sent, and the figures below would stand as if they were for it.
    found = st.number_input(
        f"{label} (empty: none)" if optional and own is None else label,
        value=None if default is None else kind(default),
        step=1 if kind is int else _step(default, low, high),
        format="%d" if kind is int else "%.7g",
        **shared,
    )
    if shared["disabled"]:
        return None
    must = in_words(schema)
    if optional and own is not None:
        must = must.replace("(or empty)", f'(or tick "No {label.lower()}")')
    holds = found is None or all(each(found, inner[name]) for name, each in BOUNDS.items() if name in inner)
    return allowed(key, found, "" if holds else f"{label} must be {must}.", default)


@contextmanager
def to_start() -> Iterator[list[str]]:
    """Settings that are asked for inside are for something to be started: gives what is wrong with them, with which it is not."""
    st.session_state[_WRONG] = wrong = []
    try:
        yield wrong
    finally:
        st.session_state.pop(_WRONG, None)


def allowed(key: str, found: Any, problem: str = "", default: Any = None) -> Any:
    """`found`, unless there is a problem with it: that is said here, and what was found before goes on, its figures greyed.

    `default`: goes on where nothing was found before; None: then nothing does (but inside `to_start`).
    """
    key = f"{key}-allowed"
    if not problem:
        st.session_state[key] = found
        return found
    if _WRONG in st.session_state:
        st.session_state[_WRONG].append(problem)
        st.error(plain(problem), icon=":material/error:")
        return st.session_state.get(key, default)
    came = key not in st.session_state  # With the address.
    if came and default is None:
        st.error(plain(problem), icon=":material/error:")
        st.stop()
    st.error(
        plain(f"{problem} What is shown is for {_default_words(default) if came else 'the values before'}."),
        icon=":material/error:",
    )
    st.html(GREYED)
    return st.session_state.get(key, default)


def _default_words(default: Any) -> str:
    return f"{default:g}" if isinstance(default, int | float) else "the defaults"


def _step(default: float | None, low: float | None, high: float | None) -> float:
    """What one click adds: a fifth of the default, a twentieth of a bounded range (a click from near its end still fits)."""
    if low is not None and high is not None and high - low <= 2:
        return float(high - low) / 20
    return max(abs(default or 0.0) / 5, 1e-7)


def settings(
    schemas: dict[str, dict[str, Any]], prefix: str, names: list[str] | None = None, carried: str = ""
) -> dict[str, Any]:
    """Widgets for the fields of a `Settings` class (all, or those named); returns the values.

    `carried`: what their names from page to page begin with; "": they stay on their page.
    """
    wanted = [name for name in names or schemas if "const" not in schemas[name]]
    frobenius = schemas.get("norm", {}).get("default") == "frobenius"  # Other norms' ε is another number.
    shared = {name for name in CARRIED if name != "epsilon" or frobenius}
    names_ = {name: name if name in shared else f"{carried}-{name}" for name in wanted} if carried else {}
    return {name: setting(name, schemas[name], f"{prefix}-{name}", carried=names_.get(name, "")) for name in wanted}


def asked(analysis: str, *names: str, **first: Any) -> dict[str, Any]:
    """Widgets for some of what an analysis is asked, from what it declares; returns the values.

    Args:
        names: of its settings, which stand in the address by the same names. first: values to begin with that are not the
            analysis's own defaults.
    """
    schemas = analysis_of(analysis).Settings.schema()
    return {
        name: setting(name, schemas[name], name, first.get(name, OWN), carried=CARRIED.get(name, "")) for name in names
    }


def own(analysis: str, *names: str) -> dict[str, Any]:
    """As `asked`, for what other views of the page ask with other defaults: in the address by the analysis's name too."""
    schemas = analysis_of(analysis).Settings.schema()
    return {name: setting(name, schemas[name], f"{analysis.replace(' ', '_')}-{name}") for name in names}
