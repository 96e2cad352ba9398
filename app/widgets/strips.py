"""Token strips in the browser, and what of them the session and the address keep: the ascent step and the token looked at."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.drawing.escaping import plain
from app.drawing.strips import SCRIPT, STYLE_SHEET, Strips

_strips = st.components.v2.component(
    "deltabook_strips",
    html='<div class="strips"></div>',
    css=STYLE_SHEET.read_text(encoding="utf-8"),
    js=SCRIPT.read_text(encoding="utf-8"),
    isolate_styles=False,
)
_OF = "looking-of"


@dataclass(frozen=True)
class Looking:
    """Where a person looks in a result. `of`: names the result; `step`: of the ascent; `token`: its place, None for none."""

    of: str
    step: int
    token: int | None


def looking(values: Mapping[str, Any], last: int, tokens: int) -> Looking:
    """What the session, or the address that the page was opened with, says of an ascent; of another one: its last step, no token.

    The same ascent under another model, or on another page, is looked at in the same place.

    Args:
        values: of the analysis: sentence, pair and method. last: the last ascent step. tokens: how many there are.
    """
    of = json.dumps([values.get("text"), values.get("text_pair"), values.get("method"), last])
    if st.session_state.get(_OF) != of:
        fresh = _OF not in st.session_state
        _keep("step", _asked("step", last) if fresh else None, last)
        _keep("token", _asked("token", tokens - 1) if fresh else None)
        st.session_state[_OF] = of
    else:  # The page may have been left and come back to.
        _keep("step", st.session_state["at-step"], last)
        _keep("token", st.session_state["at-token"])
    token = st.session_state["at-token"]
    return Looking(of, st.session_state["at-step"], token if token is None or token < tokens else None)


def _asked(name: str, most: int) -> int | None:
    """A whole number from 0 on that the address gives; None where it gives none, or one that is not there, which is said."""
    asked = st.query_params.get(name)
    if asked is None or (re.fullmatch(r"\d{1,9}", asked, re.ASCII) and int(asked) <= most):
        return None if asked is None else int(asked)
    st.warning(
        f"The address asks for {plain(f'{name}={asked[:40]}')}: there is none here, only 0 to {most}.",
        icon=":material/link_off:",
    )
    return None


def _keep(name: str, value: int | None, usual: int | None = None) -> None:
    """In the session, and where it is not what is usual, in the address."""
    taken = usual if value is None else value
    st.session_state[f"at-{name}"] = taken
    if taken == usual:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != str(taken):
        st.query_params[name] = str(taken)


def strips(shown: Strips, key: str, at: Looking | None = None) -> None:
    """Draw token strips; the slider, Play, hovering and the keyboard work in the browser alone.

    Args:
        at: where a person looks; the session and the address then follow, and a chosen token is shown in the page's figures.
    """

    def moved(name: str) -> Any:
        def keep() -> None:
            said = st.session_state[key].get(name)
            if at is not None and said and said["of"] == at.of:
                _keep(name, said["value"], shown.last if name == "step" else None)
                st.session_state["token-is-new"] = name == "token"

        return keep

    first = at or Looking(key, shown.last if shown.step is None else shown.step, shown.chosen)
    data = {
        "shown": shown.payload(),
        "of": first.of,
        "step": first.step,
        "token": first.token,
        "listens": at is not None,
    }
    _strips(key=key, data=data, on_step_change=moved("step"), on_token_change=moved("token"))
    if at is not None and st.session_state.pop("token-is-new", False):
        st.rerun()
