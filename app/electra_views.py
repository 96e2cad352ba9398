"""The views of the ELECTRA page."""

from typing import Any

import streamlit as st

from app import figures, state
from app.layout import plain
from app.tokens import token_strip
from app.widgets import EXAMPLE


def pair_choice() -> Any:
    """The ready-made pair, or a finished ELECTRA run's."""
    from engine.runs.store import Store

    runs = {run.id: run for run in Store().all() if run.config["method"] == "electra" and run.status == "completed"}
    names = {"": "ready-made (built-in encoder)"} | {name: f"{run.title} · {name}" for name, run in runs.items()}
    chosen = st.sidebar.selectbox(
        "Generator and discriminator", list(names), format_func=names.__getitem__, key="run", bind="query-params",
        help="The ready-made pair was pre-trained briefly on the built-in film reviews; or one of your ELECTRA runs.",
    )  # fmt: skip
    return state.electra(chosen or None)


def detect(pair: Any) -> None:
    """Mask, fill, judge."""
    from engine.analysis.detection import detect as follow

    text = st.text_area("Sentence", EXAMPLE, key="text", bind="query-params", height=80)
    with st.sidebar:
        share = st.slider(
            "Share of tokens masked", 0.05, 0.5, 0.15, 0.05, key="share", bind="query-params", help="Paper: 0.15."
        )
        temperature = st.slider(
            "Temperature", 0.1, 3.0, 1.0, 0.1, key="temperature", bind="query-params",
            help="Of the generator's softmax. Low: its best guess; high: almost any token. Paper: 1.",
        )  # fmt: skip
    seed = int(st.session_state.get("draw", 0))
    found = state.kept(
        f"detect {pair.fingerprint} {seed} {temperature} {share} {text}",
        "Filling and judging",
        lambda report: follow(pair, text, seed=seed, temperature=temperature, share=share),
    )
    st.button("Sample again", icon=":material/casino:", on_click=_draw_again)
    st.markdown("**What the generator saw and put there**")
    shown = [
        f"{old} → {new}" if fill else old
        for old, new, fill in zip(found.tokens, found.corrupted, found.masked, strict=True)
    ]
    titles = [
        "; ".join(f"{each['token']} {each['probability']:.1%}" for each in options) or "not masked"
        for options in found.options
    ]
    st.html(token_strip(shown, [float(fill) for fill in found.masked], 1.0, titles, found.special, ""))
    st.markdown("**What the discriminator says of every token**")
    replaced = [old != new for old, new in zip(found.tokens, found.corrupted, strict=True)]
    tips = [
        f"{new}: P(replaced) = {verdict:.1%}; in truth {'replaced' if was else 'original'}"
        for new, verdict, was in zip(found.corrupted, found.verdicts, replaced, strict=True)
    ]
    st.html(token_strip(found.corrupted, found.verdicts, 1.0, tips, found.special, "P(replaced)", ""))
    right = sum((verdict > 0.5) == was for verdict, was in zip(found.verdicts, replaced, strict=True))
    st.caption(
        f"{sum(found.masked)} masked, {sum(replaced)} really replaced (a sampled token equal to the original counts as"
        f" original); the discriminator is right about {right} of {len(replaced)} tokens."
    )
    filled = [place for place, fill in enumerate(found.masked) if fill]
    for column, place in zip(st.columns(max(1, min(4, len(filled)))), filled[:4], strict=False):
        options = {each["token"]: each["probability"] for each in found.options[place]}
        column.markdown(f"In place of **{plain(found.tokens[place])}**")
        column.plotly_chart(figures.bars({"generator": options}, "token", "probability"), key=f"options-{place}")


def _draw_again() -> None:
    st.session_state["draw"] = int(st.session_state.get("draw", 0)) + 1


def fool(pair: Any) -> None:
    """The user replaces words by hand and sees whether it notices."""
    from engine.analysis.detection import judge_text

    st.markdown("Change words of the sentence so that a reader would not notice. Does the discriminator?")
    before = st.text_area("Original", EXAMPLE, key="text", bind="query-params", height=80)
    after = st.text_area(
        "Your version", EXAMPLE.replace("wonderful", "banana"), key="yours", bind="query-params", height=80
    )
    tokens, verdicts = judge_text(pair, after)
    original, _ = judge_text(pair, before)
    strange = set(tokens) - set(original)
    tips = [f"{token}: P(replaced) = {verdict:.1%}" for token, verdict in zip(tokens, verdicts, strict=True)]
    st.html(token_strip(tokens, verdicts, 1.0, tips, [], "P(replaced)", ""))
    caught = [token for token, verdict in zip(tokens, verdicts, strict=True) if token in strange and verdict > 0.5]
    missed = [token for token, verdict in zip(tokens, verdicts, strict=True) if token in strange and verdict <= 0.5]
    if not strange:
        st.info("Both sentences are the same: change a word of yours.")
    else:
        st.markdown(
            f"Caught: **{plain(', '.join(caught) or 'none')}** · got past it: **{plain(', '.join(missed) or 'none')}**"
        )
