"""TextAT table: the perturbation that each token gathered over the training."""

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.shell import state
from app.shell.layout import errors_in_a_box, plain
from app.shell.navigation import link
from engine.runs.run import ACTIVE, Run
from engine.runs.store import Store
from engine.subjects.table import SPACES, table_state, tokenizer_of


def page() -> None:
    """Draw everything on the TextAT table page below its heading."""
    runs = {run.id: run for run in Store().all() if run.config["method"] == "textat"}
    if not runs:
        st.info(
            "There is no TextAT run yet. Start one on Train with the method TextAT (150 steps of the built-in data take a"
            " few minutes); the table appears at its first evaluation."
        )
        link("train", "Open Train")
        st.stop()
    with st.sidebar:
        run = widgets.run_choice(list(runs.values()), "A TextAT run, ended or still training.")
        top = widgets.asked("table", "top")["top"]
    st.caption(f"Run {plain(run.id)}: {run.status}, step {run.step} of {run.max_steps or '?'}.")

    @st.fragment(run_every=3.0 if run.status in ACTIVE else None)
    def live_part() -> None:
        """What changes while it trains."""
        with errors_in_a_box():
            rows_and_growth(Store().get(run.id), top)

    live_part()
    spaces(run)


def rows_and_growth(run: Run, top: int) -> None:
    """The largest rows, how they grew, and norm against frequency."""
    finding = state.analyse("table", run, "Reading the table", top=top)
    found = finding.result
    st.markdown(
        f"After step {found.step}, **{found.touched}** of {found.vocabulary} rows were ever touched"
        f" ({found.touched / found.vocabulary:.1%})."
    )
    left, right = st.columns(2)
    with left:
        show(finding, "largest", "largest")
    with right:
        show(finding, "growth", "growth")
    show(finding, "frequency", "frequency")


@st.fragment
def spaces(run: Run) -> None:
    """A token's neighbours, the class direction, and the map of the rows in three spaces."""
    with errors_in_a_box():
        st.header("One token, three spaces", anchor=False)
        current = table_state(run)
        names = tokenizer_of(run.config["model"]).convert_ids_to_tokens(current.tokens.tolist())
        order = current.norms.argsort(descending=True).tolist()
        word = st.selectbox(
            "Token",
            [names[at] for at in order],
            key="token",
            bind="query-params",
            help="Type to search; the largest first.",
        )
        _token(run, word)
        _map(run)


def _token(run: Run, word: str) -> None:
    finding = state.analyse("token", run, "Finding the class direction", token=word)
    found = finding.result
    st.markdown(
        f"**{plain(word)}**: ‖Z[w]‖ = {found.norm:.4g}, met {found.count} times, cosine with the class direction"
        f" {found.cosine:+.3f} (mean over all rows {found.mean_cosine:+.3f})."
    )
    st.caption(
        "Class direction: the mean gradient of the class margin over the tokens of 64 validation sentences, that is,"
        " the direction in embedding space that leads from the first label to the last."
    )
    if not run.model_folder.exists():
        st.caption(
            "While the run trains, word embeddings and class direction are those of the model that it starts from."
        )
    left, right = st.columns([1, 2])
    with left:
        show(finding, "growth", "one-growth")
    with right:
        show(finding, "neighbours", "neighbours")


def _map(run: Run) -> None:
    st.header("A map of the rows", anchor=False)
    left, right = st.columns(2)
    space = left.segmented_control(
        "Space", SPACES, default="Z", key="space", required=True, bind="query-params",
        help="Z: the accumulated perturbations; embedding: the tokens themselves; embedding + Z: where training"
        " puts them.",
    )  # fmt: skip
    colour = right.segmented_control(
        "Colour", ["norm", "frequency", "part"], default="norm", key="colour", required=True, bind="query-params",
        help="‖Z[w]‖; how often the token was met; whole word, piece of a word or special token.",
    )  # fmt: skip
    finding = state.analyse("table map", run, "Making the map (UMAP)", space=space)
    clicked = show(finding, "map", "rows-map", {"on_select": "rerun", "selection_mode": "points"}, colour=colour)
    found = finding.result
    st.caption(f"The {len(found.token)} tokens met most often. Click a point for its neighbours.")
    for point in clicked.selection.points[:1] if clicked is not None else []:
        _near(run, found.token[int(point["customdata"][0])])


def _near(run: Run, word: str) -> None:
    near = state.analyse("token", run, "Finding its neighbours", token=word).result.neighbours
    for column, space in zip(st.columns(3), SPACES, strict=True):
        column.markdown(f"**{plain(word)}** in {space}: {plain(', '.join(token for token, _ in near[space]))}")
