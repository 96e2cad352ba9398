"""Microscope: strip, loss, landscape, attribution and layers of one sentence, for one or two models; and its variants."""

from typing import Any

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.shell import state
from app.shell.layout import plain
from app.views.trace import verdict
from engine.errors import UserError
from engine.methods import get_method

MOST_MODELS = 2
MOST_VARIANTS = 6
_VARIANTS = "variants"


def page() -> None:
    """Draw everything on the Microscope page below its heading."""
    with st.sidebar:
        models = widgets.classifiers_choice("trace")
        method = widgets.method_choice()
        settings = widgets.method_settings(method, "microscope", to_the_edge=True)
        how = {"method": method.name, "settings": settings.as_dict(), **widgets.asked("trace", "seed")}
    if len(models) > MOST_MODELS:
        raise UserError(f"The microscope shows two models beside each other: choose at most {MOST_MODELS}.")
    of = widgets.sentence()
    first = next(iter(models.values()))
    label = widgets.label_choice(first)
    for column, (place, (name, classifier)) in zip(st.columns(len(models)), enumerate(models.items()), strict=True):
        with column:
            if len(models) > 1:
                st.header(plain(name), anchor=False)
            widgets.about(classifier, of, "trace")
            one_model(f"microscope-{place}", classifier, {**how, "label": label, **of})
    variants(first, {**how, "label": label, **of})


def one_model(key: str, classifier: Any, asked: dict[str, Any]) -> None:
    """All that is seen of the sentence under one model."""
    found = state.analyse("trace", classifier, "Climbing", **asked)
    st.markdown(f"**{plain(verdict(found.result))}**")
    _strip(f"{key}-strip", found)
    token = looked_at(found).token
    loss, output = st.columns(2)
    with loss:
        show(found, "loss", f"{key}-loss")
    with output:
        show(found, "probabilities", f"{key}-output")
    of = {name: asked[name] for name in ("text", "text_pair", "label", "seed")}
    ascent = found.result.settings
    plane = {name: ascent[name] for name in ("epsilon", "site") if ascent.get(name)}
    if ascent.get("norm", "frobenius") != "frobenius":
        plane.pop("epsilon", None)  # Another norm's ε is no radius of the plane: its own is taken.
    around = state.analyse("landscape", classifier, "Computing the plane", points=21, **plane, **of)
    st.markdown("**The loss around it**")
    show(around, "contour", f"{key}-plane")
    rests = state.analyse("attribution", classifier, "Attributing", **asked)
    st.markdown("**What the output rests on**")
    show(rests, "tokens", f"{key}-attribution", method=get_method(asked["method"]).title, token=token)
    through = state.analyse("layers", classifier, "Block by block", **asked)
    st.markdown("**How far every token's hidden state moves, block by block**")
    show(through, "moved", f"{key}-layers", token=token)


def looked_at(found: state.Finding) -> widgets.Looking:
    """The ascent step and the token that a person looks at, the same for both models."""
    return widgets.looking(found.values, len(found.result.loss) - 1, len(found.result.tokens))


@st.fragment
def _strip(key: str, found: state.Finding) -> None:
    at = looked_at(found)
    show(found, "tokens", key, {"at": at}, step=at.step, token=at.token)


def variants(classifier: Any, asked: dict[str, Any]) -> None:
    """The sentences looked at so far, each with its prediction, flip ε and strip."""
    st.header("Variants", anchor=False)
    st.caption(
        "Every sentence that you type stays here, at most six: edit a word and see what it changes. **flip ε**: the smallest radius"
        " at which PGD (5 steps) turns the answer."
    )
    kept: list[str] = st.session_state.setdefault(_VARIANTS, [])
    if asked["text"] not in kept:
        kept.append(asked["text"])
        del kept[:-MOST_VARIANTS]
    first, *others = kept
    found = state.analyse(
        "variants", classifier, "Climbing on every variant", **{**asked, "text": first, "others": others}
    )
    chosen = show(found, "table", "variants-table", {"on_select": "rerun", "selection_mode": "single-row"})
    rows = chosen.selection.rows if chosen is not None else []
    if rows:
        widgets.look_at(found.result.variants[rows[0]].text, asked["text_pair"] or "")
    show(found, "tokens", "variants-strips")
    if others:
        st.button("Forget the others", on_click=lambda: kept.clear(), icon=":material/delete_sweep:")
