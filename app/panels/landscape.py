"""Landscape: the loss around one sentence, and the paths that the methods climb in it."""

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.shell import state


def page() -> None:
    """Draw everything on the Landscape page below its heading."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        how = widgets.asked("landscape", "epsilon", "points", "extent", "site", "seed", points=21)
    of = widgets.sentence(classifier.tags)
    widgets.about(classifier, of, "landscape")
    label = widgets.label_choice(classifier)
    first, second, third = st.columns([2, 1, 1], vertical_alignment="bottom")
    word = first.text_input(
        "Second direction: towards the word (empty: a random direction)", key="word", bind="query-params",
        help="One token of the model's vocabulary; the plane then shows what happens on the way to it.",
    )  # fmt: skip
    place = second.number_input(
        "in place of token number", 0, 511, 1, key="place", bind="query-params", help="0 is the first."
    )
    height = third.segmented_control(
        "Height", ["loss", "margin"], default="loss", key="height", required=True, bind="query-params",
        help="margin: the label's logit minus the largest other logit; below 0 the prediction is wrong.",
    )  # fmt: skip
    found = state.analyse(
        "landscape", classifier, "Computing the plane", label=label,
        towards=[int(place), word.strip()] if word.strip() else None, **how, **of,
    )  # fmt: skip
    flat, solid = st.columns([3, 2])
    with flat:
        show(found, "contour", "contour", height=height or "loss")
    with solid:
        show(found, "surface", "surface", height=height or "loss")
    st.caption(
        "Each path is shown projected onto the plane; hover over a point to see how far off the plane it really is, and"
        " its own loss. The circle encloses where an adversary with radius ε may go."
    )
