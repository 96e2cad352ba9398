"""Home: what this is, and where to start."""

import streamlit as st

from app.notebook.lessons import titles
from app.shell.layout import heading
from app.shell.navigation import link

heading(
    "Deltabook",
    "See what adversarial perturbations do to a text encoder, token by token, and train against them with"
    " PGD, FreeAT, FreeLB, SMART and TextAT. All of it runs on this machine, with a real encoder and real data.",
    r"\min_\theta\; \mathbb{E}_{(Z,y)\sim\mathcal{D}}\Big[\max_{\|\delta\|\le\epsilon} L(f_\theta(X+\delta), y)\Big]",
)
look, train, learn = st.columns(3, border=True)
with look:
    st.header("Look", anchor=False)
    st.markdown("Type a sentence, choose a method and a radius ε, and watch which tokens the adversary moves.")
    link("perturb", "Open Perturb")
with train:
    st.header("Train", anchor=False)
    st.markdown("Launch a short fine-tune with any of the methods. It goes on when you close the browser.")
    link("train", "Open Train")
with learn:
    st.header("Learn", anchor=False)
    st.markdown(
        "Six guided notebooks, from what a perturbation is to attack and certificate, with live figures and questions."
    )
    st.session_state["from-home"] = True  # A link to a lesson that is followed from here has been clicked by a person.
    for name, title in titles().items():
        link("notebook", title, lesson=name)
st.caption(
    "X are the word embeddings of a sentence, δ is the perturbation that is added to them, θ are the model's weights:"
    " the inner maximum finds the worst δ in a small ball, the outer minimum learns to withstand it."
)
