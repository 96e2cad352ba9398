"""Smoothness: how far the output moves in the worst direction of a tiny ball."""

import streamlit as st

from app import widgets
from app.notebook.pins import growing, show
from app.shell import state
from app.shell.layout import plain
from app.views.smoothness import least
from engine.methods.smart import SMART


def page() -> None:
    """Draw everything on the Smoothness page below its heading."""
    with st.sidebar:
        models = widgets.classifiers_choice("smoothness")
        of = widgets.dataset_choice(50)
        schema = SMART.Settings.schema()
        inner = ["epsilon", "step_size", "ascent_steps", "start_sigma", "norm"]
        settings = {**SMART().settings.as_dict(), **widgets.settings(schema, "smoothness", inner)}
        drawn = widgets.asked("smoothness", "seed")
    models = widgets.about_all(models, of)
    values = SMART.Settings.parse(settings).as_dict()
    state.ask_for_all(
        ("smoothness", models, {"settings": values, **drawn, **of}),
        ("smoothness curve", models, {**drawn, **of}),
        ("smoothness variants", models, {"settings": values, **drawn, **of}),
    )
    regression = any(each.is_regression for each in models.values())
    with growing("smoothness", "histogram", regression=regression) as grows:
        found = state.analyse("smoothness", models, "ℓₛ", grows, settings=values, **drawn, **of)
    left, right = st.columns(2)
    with left:
        st.header("How the examples differ", anchor=False)
        show(found, "histogram", "histogram", regression=regression)
    with growing("smoothness curve", "curve", regression=regression) as grows:
        sweep = state.analyse("smoothness curve", models, "ε sweep", grows, **drawn, **of)
    with right:
        st.header("ℓₛ against ε", anchor=False)
        show(sweep, "curve", "curve", regression=regression)
    st.caption(
        "Bands: 95 % bootstrap intervals of the mean over the examples. In the sweep the step size is 100 ε and the start"
        " N(0, ε²), as in the paper's settings at ε = 1e-5."
    )
    if len(models) > 1:
        st.caption(
            "A model that has learnt less says less of every sentence, and moves less: compare the smoothness of models that are about as"
            " accurate."
        )
    show(sweep, "ratio", "ratio")
    st.header("The paper's δ and the published code's", anchor=False)
    variants = state.analyse("smoothness variants", models, "Paper and code", settings=values, **drawn, **of)
    st.markdown(f"**{plain(next(iter(variants.results.values())).verdict())}**")
    show(variants, "moved", "variants", regression=regression)
    st.header("The least smooth examples", anchor=False)
    st.caption(
        f"Of {plain(next(iter(models)))}. The darker a token, the more its part of the worst move, by itself, changes"
        " the output."
    )
    show(found, "least smooth", "least")
    st.caption("A click on a row makes its sentence the current one.")
    chosen = show(found, "sentences", "least-sentences", {"on_select": "rerun", "selection_mode": "single-row"})
    if chosen is not None and chosen.selection.rows:
        one = least(found.results)[chosen.selection.rows[0]]
        widgets.look_at(one.text, one.text_pair or "")
