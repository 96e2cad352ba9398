"""Perturb, What is certain: a certificate of the sentence."""

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.shell import state
from app.shell.layout import plain
from engine.robustness.certificates import CERTIFICATES


def page() -> None:
    """A certificate of the sentence."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        kind = widgets.asked("certify", "kind")
        how = kind | widgets.asked("certify", *CERTIFICATES.get(kind["kind"]).asks)
    of = widgets.sentence(classifier.tags)
    widgets.about(classifier, of, "certify")
    st.markdown(f"**{kind['kind'].capitalize()}.** {plain(CERTIFICATES.get(kind['kind']).summary)}")
    found = state.analyse("certify", classifier, "Asking the model", **how, **of)
    one = found.result
    if found.remarks:  # What is said above of the model or the text: this is no headline then.
        st.caption(f"For what the model was given: {plain(one.verdict())}")
    else:
        (st.info if one.proof.abstained or not one.proof.radius else st.success)(plain(one.verdict()))
    if one.model != one.prediction:
        st.caption(plain(f"The model itself says {one.model}: the smoothed classifier is another one."))
    if one.proof.p_low is None:
        st.caption(f"All {one.proof.samples:,} texts were tried: this is no bound, it is what is true.")
        return
    show(found, "votes", "certify-votes")
