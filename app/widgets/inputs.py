"""The inputs that several pages ask for: a sentence, a label, a data set, a seed, a radius."""

from typing import Any

import streamlit as st

from app.shell.address import said_if_unknown
from app.shell.carrying import bring, keep, take_up
from app.shell.navigation import link
from app.widgets.uploads import short_name, uploaded
from engine.data.builtin import TASKS
from engine.subjects.seen import EMPTY, can_be_seen


def linked(key: str, names: dict[str, str], *, closed: bool = False) -> None:
    """Let an address name an option by its value too: a bound select box is found there by what it shows.

    closed: that there are no other options, so that one that is named is said to be unknown.
    """
    given = st.query_params.get_all(key)
    shown = [names.get(value, value) for value in given]
    if closed and said_if_unknown(key, [*names.values(), *names]):
        return
    if shown != given and key not in st.session_state:
        st.query_params[key] = shown
        st.rerun()


def dataset_choice(limit: int = 100) -> dict[str, Any]:
    """Choose a data set and how much of its validation split; returns `dataset` and `limit` (at first the given one)."""
    bring("dataset", "dataset")
    bring("limit", "limit")
    dataset = st.selectbox(
        "Data set",
        [*TASKS, *uploaded()],
        accept_new_options=True,
        key="dataset",
        bind="query-params",
        format_func=short_name,
        help="Its validation split is used. Built in, uploaded on Train, or type a path or a hub name.",
    )
    chosen = st.number_input(
        "Examples",
        1,
        100_000,
        limit,
        10,
        key="limit",
        bind="query-params",
        help="How many examples: a fixed random sample of the split.",
    )
    keep("dataset", dataset, next(iter(TASKS)))
    keep("limit", int(chosen), limit)
    return {"dataset": dataset or next(iter(TASKS)), "limit": int(chosen)}


EXAMPLE = "The film is a little slow, but the acting is wonderful."


def sentence(tags: bool = False) -> dict[str, Any]:
    """A sentence, or a pair; returns `text` and `text_pair`. `tags`: for a model of words' tags, which takes no pairs."""
    bring("text", "text")
    bring("pair", "pair")
    text = st.text_area(
        "Sentence", EXAMPLE, key="text", bind="query-params", height=80,
        help="The text to perturb; cut to the length that the model reads (usually 512 tokens).",
    )  # fmt: skip
    if not can_be_seen(text):
        st.error(EMPTY, icon=":material/error:")
        st.stop()
    keep("text", text, EXAMPLE)
    if tags:
        return {"text": text, "text_pair": None}
    pair = st.text_input(
        "Second sentence (for pairs; leave empty otherwise)", key="pair", bind="query-params",
        help="For models of sentence pairs, such as paraphrases and entailment.",
    )  # fmt: skip
    keep("pair", pair, "")
    return {"text": text, "text_pair": pair or None}


def look_at(text: str, pair: str = "") -> None:
    """Make a sentence that was clicked the current one, and offer the pages that look at it."""
    take_up(text=text, pair=pair)
    query = {"text": text, "pair": pair} if pair else {"text": text}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Now the current sentence. Look at it on")
        for page, title in (("perturb", "Perturb"), ("landscape", "Landscape"), ("attribution", "Attribution")):
            link(page, title, **query)


def label_choice(classifier: Any) -> str | None:
    """What the loss is taken against; None: the model's own prediction (or that of a tagger: its tags are given by words)."""
    if classifier.tags:
        return None
    if classifier.is_regression:
        score = st.number_input(
            "Loss is taken against the score", value=None, key="label-score", bind="query-params", placeholder="its own: 0",
            help="Against the model's own score the loss is 0 and has no slope: give another score to see an effect.",
        )  # fmt: skip
        return None if score is None else str(score)
    names = ["the model's own prediction", *classifier.labels]
    chosen = st.segmented_control(
        "Loss is taken against", names, default=names[0], key="label", required=True, bind="query-params",
        help="The adversary moves the sentence so that this answer becomes less likely.",
    )  # fmt: skip
    return None if chosen in (None, names[0]) else str(chosen)


def draw_number() -> int:
    """How often "Sample again" was pressed: the seed of what it draws; part of the address."""
    with st.sidebar:
        return int(
            st.number_input(
                "Draw",
                0,
                2**31 - 1,
                0,
                key="draw",
                bind="query-params",
                help="The number of the sample; also its seed.",
            )
        )


def draw_again() -> None:
    """The button that draws another sample."""
    st.button("Sample again", icon=":material/casino:", on_click=_next_draw)


def _next_draw() -> None:
    st.session_state["draw"] = int(st.session_state.get("draw", 0)) + 1
