"""Projector: a split's sentences as a map, clean and perturbed."""

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.shell import state
from app.shell.layout import plain
from app.views.map import COLOURS


def page() -> None:
    """Draw everything on the Projector page below its heading."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice()
        method = widgets.method_choice()
        how = widgets.asked("map", "epsilon", "seed")
        colour = st.selectbox(
            "Colour", list(COLOURS), key="colour", bind="query-params", help="What the colours stand for."
        )
    widgets.about(classifier, of, "map")
    found = state.analyse("map", classifier, "Sentences, then the map", method=method.name, **how, **of)
    chosen = show(
        found, "map", "map", {"on_select": "rerun", "selection_mode": ("lasso", "box", "points")},
        colour=colour, method=method.title,
    )  # fmt: skip
    points = chosen.selection.points if chosen is not None else []
    inside = [int(point["customdata"][0]) for point in points if point.get("customdata")]
    table = found.result.table
    flips = (table["prediction"] != table["perturbed_prediction"]).mean()
    st.caption(
        f"{len(table)} sentences, UMAP with seed {how['seed']} on clean and perturbed embeddings together."
        + ("" if classifier.is_regression else f" {flips:.0%} change their label within ε = {how['epsilon']:g}.")
    )
    if len(inside) == 1:
        widgets.look_at(str(table.iloc[inside[0]]["text"]))
    st.header(plain(f"{len(inside)} chosen") if inside else "All sentences", anchor=False)
    show(found, "sentences", "sentences", chosen=inside)
