"""Compare: which model is really more robust, and what the papers report."""

import streamlit as st

from app.layout import errors_in_a_box, heading

heading(
    "Compare",
    "Is a model trained with a method really more robust? Attack several models in embedding space and with real words,"
    " and see what the papers report.",
    r"\mathrm{acc}(\epsilon)=\frac1n\sum_i\big[\forall\,\|\delta\|_F\le\epsilon:\ \arg\max f_\theta(X_i+\delta)=y_i\big]",
)
VIEWS = ("Against ε", "Word attacks", "Studies", "Published tables")
view = st.segmented_control(
    "View", VIEWS, default=VIEWS[0], key="view", required=True, bind="query-params", label_visibility="collapsed"
)

from app import compare_views, study_views  # noqa: E402  (torch is loaded after the first paint)

with errors_in_a_box():
    if view == VIEWS[3]:
        compare_views.papers()
    elif view == VIEWS[2]:
        study_views.page()
    elif view == VIEWS[1]:
        compare_views.word_attack()
    else:
        compare_views.embedding_attack()
