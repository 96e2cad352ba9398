"""The views of the ELECTRA page."""

from difflib import SequenceMatcher
from typing import Any

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.panels import pretrain
from app.shell import state
from app.shell.layout import in_columns, plain
from app.views.detect import replaced
from app.widgets import EXAMPLE

MOST_FIGURES = 12
READY = "ready-made (built-in encoder)"


def page(view: str) -> None:
    """One of its views."""
    if view == "Pre-train":
        pretrain.form("electra", "movie-sentiment", "minilm")
        return
    pair = pair_choice()
    st.caption(f"Generator and discriminator: {plain(pair.origin)}")
    {"Fool the discriminator": fool}.get(view, detect)(pair)


def pair_choice() -> Any:
    """The ready-made pair, or a finished ELECTRA run's."""
    from engine.runs.store import Store

    runs = {run.id: run for run in Store().all() if run.config["method"] == "electra" and run.status == "completed"}
    names = {"": READY} | {name: f"{run.title} · {name}" for name, run in runs.items()}
    widgets.linked("run", names)
    chosen = st.sidebar.selectbox(
        "Generator and discriminator", list(names), format_func=names.__getitem__, key="run", bind="query-params",
        help="The ready-made pair is pre-trained briefly on the built-in film reviews; or one of your ELECTRA runs.",
    )  # fmt: skip
    return state.electra(chosen or None)


def _say_if_unreadable(pair: Any, text: str) -> None:
    from engine.data.legibility import unreadable

    if said := unreadable(pair.tokenizer, [text]):
        st.warning(plain(said), icon=":material/warning:")


def detect(pair: Any) -> None:
    """Mask, fill, judge."""
    text = st.text_area("Sentence", EXAMPLE, key="text", bind="query-params", height=80)
    with st.sidebar:
        how = widgets.asked("detect", "share", "temperature")
    seed = widgets.draw_number()
    _say_if_unreadable(pair, text)
    found = state.analyse("detect", pair, "Filling and judging", text=text, seed=seed, **how)
    widgets.draw_again()
    st.markdown("**What the generator saw and put there**")
    show(found, "filled", "filled")
    st.markdown("**What the discriminator says of every token**")
    show(found, "verdicts", "verdicts")
    result = found.result
    really = replaced(result)
    special = set(pair.tokenizer.all_special_tokens)
    judged = [
        (verdict > 0.5, was)
        for token, verdict, was in zip(result.tokens, result.verdicts, really, strict=True)
        if token not in special
    ]
    caught, alarms = sum(said and was for said, was in judged), sum(said and not was for said, was in judged)
    st.caption(
        f"{sum(result.masked)} masked, {sum(really)} really replaced (a sampled token equal to the original counts as"
        f" original). The discriminator catches {caught} of {sum(really)}, and takes {alarms} of the"
        f" {len(judged) - sum(really)} others for replaced."
    )
    filled = [place for place, fill in enumerate(result.masked) if fill]
    if len(filled) > MOST_FIGURES:
        st.caption(f"The first {MOST_FIGURES} of {len(filled)} masked places; hover over a token above for the others.")
    for column, place in in_columns(filled[:MOST_FIGURES], 4):
        with column:
            show(found, "options", f"options-{place}", place=place)


def fool(pair: Any) -> None:
    """The user replaces words by hand and sees whether it notices."""
    st.markdown(
        "Change words in the sentence. Does the discriminator notice what a reader would, and what a reader would not?"
    )
    before = st.text_area("Original", EXAMPLE, key="text", bind="query-params", height=80)
    after = st.text_area(
        "Your version", EXAMPLE.replace("wonderful", "banana"), key="yours", bind="query-params", height=80
    )
    _say_if_unreadable(pair, after)
    found = state.analyse("judge", pair, "Judging", text=before, yours=after)
    original, tokens, verdicts = found.result.tokens, found.result.your_tokens, found.result.your_verdicts
    steps = SequenceMatcher(None, original, tokens, autojunk=False).get_opcodes()
    changed = [place for kind, _, _, start, end in steps if kind != "equal" for place in range(start, end)]
    show(found, "verdicts", "judged")
    caught = [tokens[place] for place in changed if verdicts[place] > 0.5]
    missed = [tokens[place] for place in changed if verdicts[place] <= 0.5]
    if original == tokens:
        st.info("Both sentences are the same: change a word in your version.")
    else:
        st.markdown(
            f"Caught: **{plain(', '.join(caught) or 'none')}** · got past it: **{plain(', '.join(missed) or 'none')}** (caught:"
            " it gives more than 0.5 that the word was replaced)"
        )
