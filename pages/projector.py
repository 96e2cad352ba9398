"""Projector: a split's sentences as a map, clean and perturbed."""

import streamlit as st

from app.layout import errors_in_a_box, heading, plain

heading(
    "Projector",
    "Every sentence of a data set as a point (UMAP of its sentence embedding), joined to where it stands after the"
    " adversary moved it. Draw a lasso to list what is inside.",
)

from app import state, widgets  # noqa: E402
from app.exhibit import show  # noqa: E402
from app.views.models import COLOURS  # noqa: E402

with errors_in_a_box():
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice()
        method = widgets.method_choice()
        epsilon = widgets.radius_input(0.2)
        colour = st.selectbox("Colour", list(COLOURS), key="colour", bind="query-params", help="What the colours say.")
        seed = widgets.seed_input()
    widgets.about(classifier, of)
    found = state.analyse(
        "map", classifier, "Sentences, then the map", method=method.name, epsilon=epsilon, seed=seed, **of
    )
    chosen = show(
        found, "map", "map", {"on_select": "rerun", "selection_mode": ("lasso", "box", "points")},
        colour=colour, method=method.title,
    )  # fmt: skip
    points = chosen.selection.points if chosen is not None else []
    inside = [int(point["customdata"][0]) for point in points if point.get("customdata")]
    table = found.result
    flips = (table["prediction"] != table["perturbed_prediction"]).mean()
    st.caption(
        f"{len(table)} sentences, UMAP with seed {seed} on clean and perturbed embeddings together."
        + ("" if classifier.is_regression else f" {flips:.0%} change their label within ε = {epsilon:g}.")
    )
    st.subheader(plain(f"{len(inside)} chosen") if inside else "All sentences", anchor=False)
    show(found, "sentences", "sentences", chosen=inside)
