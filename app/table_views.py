"""The parts of the TextAT table page."""

from typing import Any

import streamlit as st

from app import figures, state
from app.layout import plain
from engine.analysis.table import (
    SPACES,
    TableState,
    class_direction,
    cosines,
    growth,
    largest_rows,
    neighbours,
    parts,
    table_state,
    vectors,
)
from engine.runs.store import Run

MOST_ON_MAP = 1500


def rows_and_growth(run: Run, top: int) -> None:
    """The largest rows, how they grew, and norm against frequency."""
    tokenizer = _tokenizer(run.config["model"])
    found = largest_rows(run, tokenizer, top)
    st.markdown(
        f"After step {found['step']}, **{found['touched']}** of {found['vocabulary']} rows were ever touched"
        f" ({found['touched'] / found['vocabulary']:.1%})."
    )
    left, right = st.columns(2)
    values = {f"{row['token']} ({row['id']})": row["norm"] for row in found["rows"]}
    chart = figures.bars(
        {"‖Z[w]‖": values}, "token", "‖Z[w]‖ (embedding units)",
        [f"{row['token']}: met {row['count']} times" for row in found["rows"]],
    )  # fmt: skip
    chart.update_xaxes(ticktext=[figures.escape(row["token"]) for row in found["rows"]], tickangle=-45)
    left.plotly_chart(chart, key="largest")
    curves = {row["token"]: row["growth"] for row in found["rows"][:8]}
    right.plotly_chart(figures.lines(curves, "optimiser step", "‖Z[w]‖ (embedding units)"), key="growth")
    current = table_state(run)
    tokens = current.tokens.tolist()
    names = tokenizer.convert_ids_to_tokens(tokens)
    hover = [
        f"{name}\nmet {count} times\n‖Z‖ {norm:.4g}"
        for name, count, norm in zip(names, current.counts.tolist(), current.norms.tolist(), strict=True)
    ]
    st.plotly_chart(
        figures.scatter(
            current.counts.tolist(), current.norms.tolist(), "times met in training", "‖Z[w]‖ (embedding units)", hover,
            colour=parts(tokenizer, tokens), log=True, height=380,
        ),
        key="frequency",
    )  # fmt: skip


@st.cache_resource(max_entries=8, show_spinner=False)
def _tokenizer(model: str) -> Any:
    from engine.models import load_tokenizer

    return load_tokenizer(model)


@st.fragment
def spaces(run: Run) -> None:
    """A token's neighbours, the class direction, and the map of the rows in three spaces."""
    from app.layout import errors_in_a_box

    with errors_in_a_box():
        st.subheader("One token, three spaces", anchor=False)
        current = table_state(run)
        tokenizer = _tokenizer(run.config["model"])
        names = tokenizer.convert_ids_to_tokens(current.tokens.tolist())
        order = current.norms.argsort(descending=True).tolist()
        word = st.selectbox(
            "Token",
            [names[at] for at in order],
            key="token",
            bind="query-params",
            help="Type to search; the largest first.",
        )
        place = names.index(word)
        classifier = (
            state.classifier(None, run.id) if run.model_folder.exists() else state.classifier(run.config["model"], None)
        )
        embeddings = classifier.model.get_input_embeddings().weight.detach().cpu()
        direction = state.kept(
            f"direction {classifier.fingerprint} {run.config['dataset']}",
            "Finding the class direction",
            lambda report: _direction(classifier, run.config["dataset"]),
        )
        cosine = cosines(current.rows, direction)
        norm, count = float(current.norms[place]), int(current.counts[place])
        st.markdown(
            f"**{plain(word)}**: ‖Z[w]‖ = {norm:.4g}, met {count} times, cosine with the class direction"
            f" {float(cosine[place]):+.3f} (mean over all rows {float(cosine.mean()):+.3f})."
        )
        st.caption(
            "Class direction: the mean gradient of the class margin over the tokens of 64 validation sentences, the way in"
            " embedding space that leads from the first label to the last."
        )
        points = growth(run, [int(current.tokens[place])])[int(current.tokens[place])]
        columns = st.columns(4)
        columns[0].plotly_chart(figures.lines({word: points}, "optimiser step", "‖Z[w]‖"), key="one-growth")
        for column, space in zip(columns[1:], SPACES, strict=True):
            near = neighbours(vectors(current, embeddings, space), place)
            column.markdown(f"Nearest in **{space}**")
            column.dataframe([{"token": names[at], "distance": distance} for at, distance in near], hide_index=True)
        _map(run, current, embeddings, names, parts(tokenizer, current.tokens.tolist()))


def _direction(classifier: Any, dataset: str) -> Any:
    from engine.data.sources import load_dataset

    return class_direction(classifier, load_dataset(dataset).splits["validation"]["text"].tolist()[:64])


def _map(run: Run, current: TableState, embeddings: Any, names: list[str], kinds: list[str]) -> None:
    from engine.analysis.projection import umap_map

    st.subheader("A map of the rows", anchor=False)
    left, right = st.columns(2)
    space = left.segmented_control("Space", SPACES, default="Z", key="space", required=True, bind="query-params")
    colour = right.segmented_control(
        "Colour", ["norm", "frequency", "part"], default="norm", key="colour", required=True, bind="query-params"
    )
    chosen = current.counts.argsort(descending=True)[:MOST_ON_MAP]
    points = vectors(current, embeddings, space)[chosen].numpy()
    at = state.kept(
        f"table map {run.id} {current.step} {space}", "Making the map (UMAP)", lambda report: umap_map(points, seed=0)
    )
    places = chosen.tolist()
    values: list[Any] = {
        "norm": [float(current.norms[place]) for place in places],
        "frequency": [float(current.counts[place].log10()) for place in places],
        "part": [kinds[place] for place in places],
    }[colour]
    hover = [
        f"{names[place]}\nmet {int(current.counts[place])} times\n‖Z‖ {float(current.norms[place]):.4g}"
        for place in places
    ]
    title = {"norm": "‖Z[w]‖", "frequency": "log₁₀ times met", "part": ""}[colour]
    chart = figures.scatter(
        at[:, 0].tolist(), at[:, 1].tolist(), "UMAP 1 (no unit)", "UMAP 2 (no unit)", hover, colour=values, colour_title=title
    )  # fmt: skip
    clicked = st.plotly_chart(chart, key="rows-map", on_select="rerun", selection_mode="points")
    st.caption(
        f"The {len(places)} tokens met most often, of {len(current.tokens)} touched. Click a point for its neighbours."
    )
    for point in clicked.selection.points[:1] if clicked is not None else []:
        place = places[int(point["customdata"][0])]
        for column, each in zip(st.columns(3), SPACES, strict=True):
            near = neighbours(vectors(current, embeddings, each), place)
            column.markdown(
                f"**{plain(names[place])}** in {each}: {plain(', '.join(names[other] for other, _ in near))}"
            )
