"""ELECTRA: replaced-token detection, live."""

import streamlit as st

from app.layout import errors_in_a_box, heading, plain

heading(
    "ELECTRA",
    "A small generator fills masked words with likely ones; the discriminator says of every token whether it was"
    " replaced. The darker a token, the surer it is that this one is not the original.",
    r"\min_{\theta_G,\theta_D}\;\mathcal{L}_{MLM}(x,\theta_G)+\lambda\,\mathcal{L}_{Disc}(x,\theta_D),\quad \lambda=50",
)
VIEWS = ("Detect", "Fool the discriminator", "Pre-train")
view = st.segmented_control(
    "View", VIEWS, default=VIEWS[0], key="view", required=True, bind="query-params", label_visibility="collapsed"
)

from app import electra_views, pretrain  # noqa: E402

with errors_in_a_box():
    if view == VIEWS[2]:
        pretrain.form("electra", "movie-sentiment", "minilm")
        st.stop()
    pair = electra_views.pair_choice()
    st.caption(f"Generator and discriminator: {plain(pair.origin)}")
    if view == VIEWS[0]:
        electra_views.detect(pair)
    else:
        electra_views.fool(pair)
