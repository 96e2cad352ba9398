"""Projector: a split's sentences as a map, clean and perturbed."""

import numpy as np
import streamlit as st

from app.layout import errors_in_a_box, heading, plain

heading(
    "Projector",
    "Every sentence of a data set as a point (UMAP of its sentence embedding), joined to where it stands after the"
    " adversary moved it. Draw a lasso to list what is inside.",
)

from app import figures, state, widgets  # noqa: E402

COLOURS = {"label": "label", "prediction": "prediction", "prediction flips": "flips", "loss": "loss"}

with errors_in_a_box():
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice()
        method = widgets.method_choice()
        epsilon = widgets.radius_input(0.2)
        colour = st.selectbox("Colour", list(COLOURS), key="colour", bind="query-params", help="What the colours say.")
        seed = widgets.seed_input()
    widgets.origin_note(classifier.origin)
    table = state.analyse(
        "map", classifier, "Sentences, then the map", method=method.name, epsilon=epsilon, seed=seed, **of
    )
    names = dict(enumerate(classifier.labels))
    if not classifier.is_regression:
        for column in ("label", "prediction", "perturbed_prediction"):
            table = table.assign(**{column: table[column].map(names)})
    table = table.assign(flips=np.where(table["prediction"] != table["perturbed_prediction"], "flips", "holds"))
    hover = [
        f"{row.text[:90]}\nlabel {row.label}, said {row.prediction}, after the ascent {row.perturbed_prediction}"
        f"\nloss {row.loss:.3f}, after the ascent {row.perturbed_loss:.3f}"
        for row in table.itertuples()
    ]
    values = table[COLOURS[colour]].tolist()
    chart = figures.scatter(
        table["x"].tolist(), table["y"].tolist(), "UMAP 1 (no unit)", "UMAP 2 (no unit)", hover,
        colour=values, colour_title=colour, height=560,
    )  # fmt: skip
    across = [value for row in table.itertuples() for value in (row.x, row.perturbed_x, None)]
    up = [value for row in table.itertuples() for value in (row.y, row.perturbed_y, None)]
    chart.add_scatter(
        x=across, y=up, mode="lines", line={"color": "rgba(136,136,136,0.5)", "width": 1}, hoverinfo="skip",
        name=f"to where {method.title} moved it",
    )  # fmt: skip
    chart.add_scatter(
        x=table["perturbed_x"].tolist(), y=table["perturbed_y"].tolist(), mode="markers", hoverinfo="skip",
        marker={"size": 5, "symbol": "circle-open", "color": "#888888"}, name="after the ascent",
    )  # fmt: skip
    chart.update_layout(dragmode="lasso", showlegend=True)
    chosen = st.plotly_chart(chart, key="map", on_select="rerun", selection_mode=("lasso", "box", "points"))
    points = chosen.selection.points if chosen is not None else []
    inside = [int(point["customdata"][0]) for point in points if point.get("customdata")]
    flips = (table["flips"] == "flips").mean()
    st.caption(
        f"{len(table)} sentences, UMAP with seed {seed} on clean and perturbed embeddings together."
        + ("" if classifier.is_regression else f" {flips:.0%} change their label within ε = {epsilon:g}.")
    )
    wanted = ["text", "label", "prediction", "perturbed_prediction", "loss", "perturbed_loss"]
    st.subheader(plain(f"{len(inside)} chosen") if inside else "All sentences", anchor=False)
    st.dataframe(table.iloc[inside or range(len(table))][wanted], hide_index=True)
