"""MacBERT: the masking strategies side by side."""

import streamlit as st

from app.layout import errors_in_a_box, heading

heading(
    "MacBERT",
    "Four ways to hide words from an encoder, side by side on your sentence. Mac masking never uses [MASK]: words are"
    " replaced by similar ones, and the encoder learns to put the right ones back.",
    r"\tilde w_i=\begin{cases}\text{similar word}&80\,\%\\\text{random word}&10\,\%\\ w_i&10\,\%\end{cases}\qquad"
    r"\text{n-grams of }1,2,3,4\text{ words: }40,30,20,10\,\%",
)
VIEWS = ("One sentence", "A corpus", "Pre-train")
view = st.segmented_control(
    "View", VIEWS, default=VIEWS[0], key="view", required=True, bind="query-params", label_visibility="collapsed"
)

from app import macbert_views, pretrain  # noqa: E402

with errors_in_a_box():
    if view == VIEWS[2]:
        pretrain.form("macbert", "reviews-zh", "zh-small")
    elif view == VIEWS[1]:
        macbert_views.corpus()
    else:
        macbert_views.sentence()
