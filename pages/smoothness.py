"""Smoothness: how far the output moves in the worst direction of a tiny ball."""

import streamlit as st

from app.layout import errors_in_a_box, heading, plain

heading(
    "Smoothness",
    "SMART punishes a model whose output can be moved by a tiny δ. Here is that movement, ℓ_s, for every example of a"
    " data set: in the worst direction and in a random one; small means smooth.",
    r"\mathcal{R}_s(\theta)=\tfrac1n\sum_i\max_{\|\tilde x_i-x_i\|_p\le\epsilon}\ell_s\big(f(\tilde x_i),f(x_i)\big),"
    r"\qquad \ell_s(P,Q)=D_{KL}(P\|Q)+D_{KL}(Q\|P)",
)

from app import figures, state, widgets  # noqa: E402
from app.tokens import token_strip  # noqa: E402
from engine.methods.smart import SMART  # noqa: E402

with errors_in_a_box():
    with st.sidebar:
        models = widgets.classifiers_choice()
        of = widgets.dataset_choice()
        schema = SMART.Settings.schema()
        inner = ["epsilon", "step_size", "ascent_steps", "start_sigma", "norm"]
        settings = {**SMART().settings.as_dict(), **widgets.settings(schema, "smoothness", inner)}
        seed = widgets.seed_input()
    for classifier in models.values():
        widgets.origin_note(classifier.origin)
    values = SMART.Settings.parse(settings).as_dict()
    found = {
        name: state.analyse("smoothness", each, f"ℓ_s of {name}", settings=values, seed=seed, **of)
        for name, each in models.items()
    }
    regression = any(each.is_regression for each in models.values())
    unit = "ℓ_s (squared difference)" if regression else "ℓ_s (nats)"

    left, right = st.columns(2)
    with left:
        st.subheader("How the examples differ", anchor=False)
        groups = {}
        for name, each in found.items():
            groups[f"{name}, worst direction"] = [one.adversarial for one in each]
            if len(found) == 1:
                groups["random direction"] = [one.random for one in each]
        st.plotly_chart(figures.histogram(groups, unit, log=True), key="histogram")
    with right:
        st.subheader("ℓ_s against ε", anchor=False)
        curves, bands, ratios = {}, {}, {}
        for name, each in models.items():
            rows = state.analyse("smoothness curve", each, f"ε sweep of {name}", seed=seed, **of)
            for kind, word in (("adversarial", "worst"), ("random", "random")):
                title = f"{name}, {word}"
                curves[title] = [(row["epsilon"], row[kind]) for row in rows]
                bands[title] = [(row[f"{kind}_low"], row[f"{kind}_high"]) for row in rows]
            ratios[name] = [(row["epsilon"], row["ratio"]) for row in rows]
        st.plotly_chart(
            figures.lines(curves, "ε (L∞, per coordinate, embedding units)", f"mean {unit}", bands=bands, log=True),
            key="curve",
        )
    st.caption(
        "Bands: 95 % bootstrap intervals of the mean over the examples. In the sweep the step size is 100 ε and the start"
        " N(0, ε²), as in the paper's settings at ε = 1e-5."
    )
    st.plotly_chart(
        figures.lines(ratios, "ε (L∞, per coordinate, embedding units)", "worst / random", log=True), key="ratio"
    )

    st.subheader("The least smooth examples", anchor=False)
    name = next(iter(found))
    least = sorted(found[name], key=lambda one: -one.adversarial)[:8]
    st.caption(f"Of {plain(name)}. The darker a token, the further the worst direction moves it.")
    largest = max(max(one.token_norms) for one in least)
    for place, one in enumerate(least):
        st.markdown(f"ℓ_s **{one.adversarial:.3g}** (random direction {one.random:.3g})")
        tips = [f"{token}: ‖δ‖ = {norm:.3g}" for token, norm in zip(one.tokens, one.token_norms, strict=True)]
        st.html(
            token_strip(one.tokens, one.token_norms, largest, tips, legend="‖δ‖" if place == len(least) - 1 else "")
        )
