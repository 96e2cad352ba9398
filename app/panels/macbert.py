"""The views of the MacBERT page."""

from typing import Any

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.panels import pretrain
from app.shell import state
from app.shell.layout import plain
from engine.objectives.masking import STRATEGIES, MaskingSettings

EXAMPLES = {
    "English": "we use a language model to predict the probability of the next word.",
    "中文": "使用语言模型来预测下一个词的概率。",
}


def page(view: str) -> None:
    """One of its views."""
    if view == "Pre-train":
        pretrain.form("macbert", "reviews-zh", "zh-small")
    else:
        {"A corpus": corpus}.get(view, sentence)()


def _settings() -> dict[str, Any]:
    wanted = ["mask_share", "replace_share", "random_share", "least_similarity"]
    with st.sidebar:
        values = widgets.settings(MaskingSettings.schema(), "mask", wanted)
        similar = st.text_input(
            "Similar words", key="similar", bind="query-params",
            help="Empty: by the text's language. Otherwise en, zh or the path of a word2vec file.",
        )  # fmt: skip
        model = st.text_input(
            "Tokenizer of", key="tokenizer", bind="query-params",
            help="Empty: minilm, or zh-small for Chinese text. Otherwise a folder or hub name.",
        )  # fmt: skip
    return {"settings": values, "similar": similar.strip(), "model": model.strip() or None}


def sentence() -> None:
    """All strategies on one sentence."""
    first, second, _ = st.columns([1, 1, 6])
    for column, (name, example) in zip((first, second), EXAMPLES.items(), strict=True):
        column.button(name, on_click=_use, args=(example,), key=f"use-{name}")
    text = st.text_area("Sentence", EXAMPLES["English"], key="text", bind="query-params", height=80)
    of = _settings()
    seed = widgets.draw_number()
    widgets.draw_again()
    found = state.analyse("masking", None, "Making the word vectors, once", text=text, seed=seed, **of)
    show(found, "strategies", "strategies")
    st.caption("Hover over a token for what became of it and why; the table says the same.")
    st.header("Every selected word, n-gram by n-gram", anchor=False)
    st.caption(
        f"Similar words: {plain(found.result.strategies['mac'].similar)}. Function words (the, of, 的, 了 …) and words without a"
        " similar one get a random word instead, as in the paper."
    )
    show(found, "words", "words")


def _use(example: str) -> None:
    st.session_state["text"] = example


def corpus() -> None:
    """Statistics over a corpus beside the paper's."""
    of = _settings()
    with st.sidebar:
        data = widgets.dataset_choice()
    strategy = st.segmented_control(
        "Strategy", list(STRATEGIES), default="mac", key="strategy", required=True, bind="query-params",
        help=" ".join(STRATEGIES.values()),
    )  # fmt: skip
    settings = {**of["settings"], "strategy": strategy}
    finding = state.analyse("masking statistics", None, "Masking the corpus", **data, **{**of, "settings": settings})
    found = finding.result
    st.caption(f"The first {found.texts} texts of the training split.")
    unit = "tokens" if strategy == "original" else "words"
    st.markdown(
        f"**{found.share:.1%}** of {found.units} {unit} in {found.texts} texts were selected"
        f" (asked for: {of['settings']['mask_share']:.0%})."
    )
    left, right = st.columns(2)
    with left:
        wanted = {name: of["settings"][name] for name in ("replace_share", "random_share")}
        show(finding, "kinds", "kinds", **wanted)
    if strategy in ("ngram", "mac"):
        with right:
            show(finding, "ngrams", "ngrams")
    if strategy == "mac":
        st.caption(
            f"{found.degraded:.1%} of the selected words were to become similar words, but are function words or have no similar"
            " word with as many tokens: random words took their place, as in the paper; they are counted as replaced."
        )
