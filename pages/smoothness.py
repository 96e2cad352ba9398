"""Smoothness: how far the output moves in the worst direction of a tiny ball."""

import streamlit as st

from app.layout import errors_in_a_box, heading, plain

heading(
    "Smoothness",
    "SMART punishes a model whose output can be moved by a tiny δ. Here is that movement, ℓₛ, for every example of a"
    " data set: in the worst direction and in a random one; small means smooth.",
    r"\mathcal{R}_s(\theta)=\tfrac1n\sum_i\max_{\|\tilde x_i-x_i\|_p\le\epsilon}\ell_s\big(f(\tilde x_i),f(x_i)\big),"
    r"\qquad \ell_s(P,Q)=D_{KL}(P\|Q)+D_{KL}(Q\|P)",
)

from app import state, widgets  # noqa: E402
from app.exhibit import show  # noqa: E402
from engine.methods.smart import SMART  # noqa: E402

with errors_in_a_box():
    with st.sidebar:
        models = widgets.classifiers_choice()
        of = widgets.dataset_choice(50)
        schema = SMART.Settings.schema()
        inner = ["epsilon", "step_size", "ascent_steps", "start_sigma", "norm"]
        settings = {**SMART().settings.as_dict(), **widgets.settings(schema, "smoothness", inner)}
        seed = widgets.seed_input()
    models = widgets.about_all(models, of)
    values = SMART.Settings.parse(settings).as_dict()
    found = state.analyse("smoothness", models, "ℓₛ", settings=values, seed=seed, **of)
    regression = any(each.is_regression for each in models.values())
    left, right = st.columns(2)
    with left:
        st.subheader("How the examples differ", anchor=False)
        show(found, "histogram", "histogram", regression=regression)
    sweep = state.analyse("smoothness curve", models, "ε sweep", seed=seed, **of)
    with right:
        st.subheader("ℓₛ against ε", anchor=False)
        show(sweep, "curve", "curve", regression=regression)
    st.caption(
        "Bands: 95 % bootstrap intervals of the mean over the examples. In the sweep the step size is 100 ε and the start"
        " N(0, ε²), as in the paper's settings at ε = 1e-5."
    )
    show(sweep, "ratio", "ratio")
    st.subheader("The least smooth examples", anchor=False)
    st.caption(
        f"Of {plain(next(iter(models)))}. The darker a token, the more its part of the worst move changes the output alone."
    )
    show(found, "least smooth", "least")
