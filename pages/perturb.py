"""Perturb: one sentence under a method's ascent."""

import streamlit as st

from app.layout import errors_in_a_box, heading

heading(
    "Perturb",
    "A perturbation δ is added to the word embeddings of your sentence and climbs, step by step, towards a higher"
    " loss. The darker a token, the further the adversary has moved it.",
)
VIEWS = ("One method", "Methods side by side", "Across training", "A data set's examples")
view = st.segmented_control(
    "View", VIEWS, default=VIEWS[0], key="view", required=True, bind="query-params", label_visibility="collapsed"
)

from app import perturb_views, widgets  # noqa: E402  (torch is loaded after the first paint)

with errors_in_a_box():
    if view == VIEWS[3]:
        perturb_views.examples()
        st.stop()
    of = widgets.sentence()
    if view == VIEWS[1]:
        perturb_views.side_by_side(of)
    elif view == VIEWS[2]:
        perturb_views.across_training(of)
    else:
        perturb_views.one_method(of)
