"""The views of the MacBERT page."""

import json
from typing import Any

import streamlit as st

from app import figures, state, widgets
from app.layout import plain
from app.tokens import token_strip
from engine.objectives.masking import NGRAM_SHARES, STRATEGIES, MaskingSettings

EXAMPLES = {
    "English": "we use a language model to predict the probability of the next word.",
    "中文": "使用语言模型来预测下一个词的概率。",
}
KINDS = {"mask": 1.0, "similar": 0.75, "random": 0.5, "kept": 0.25}


def _settings() -> dict[str, Any]:
    wanted = ["mask_share", "replace_share", "random_share", "least_similarity"]
    with st.sidebar:
        values = widgets.settings(MaskingSettings.schema(), "mask", wanted)
        similar = st.text_input(
            "Similar words", key="similar", bind="query-params",
            help="Empty: by the language. Or en, zh, or the path of a word2vec file.",
        )  # fmt: skip
        model = st.text_input(
            "Tokenizer of", key="tokenizer", bind="query-params",
            help="Empty: minilm, for Chinese zh-small. Or a folder or hub name.",
        )  # fmt: skip
    return {"settings": values, "similar": similar.strip(), "model": model.strip() or None}


def sentence() -> None:
    """All strategies on one sentence."""
    from engine.analysis.masked_text import mask_text

    first, second, _ = st.columns([1, 1, 6])
    for column, (name, example) in zip((first, second), EXAMPLES.items(), strict=True):
        column.button(name, on_click=_use, args=(example,), key=f"use-{name}")
    text = st.text_area("Sentence", EXAMPLES["English"], key="text", bind="query-params", height=80)
    of = _settings()
    seed = int(st.session_state.get("draw", 0))
    st.button("Sample again", icon=":material/casino:", on_click=_draw_again)
    found = {}
    for strategy in STRATEGIES:
        settings = {**of["settings"], "strategy": strategy}
        key = json.dumps(["mask", text, settings, of["similar"], of["model"], seed], sort_keys=True)
        found[strategy] = state.kept(
            key,
            "Making the word vectors, once",
            lambda report, settings=settings: mask_text(
                text, settings, model=of["model"], similar=of["similar"], seed=seed, progress=report
            ),
        )
    st.markdown("**Words**")
    st.html(token_strip(found["mac"].words, [0.0] * len(found["mac"].words), 1.0, found["mac"].words, [], ""))
    for strategy, each in found.items():
        st.markdown(f"**{STRATEGIES[strategy]}**")
        kinds, tips = {}, {}
        for choice in each.choices:
            why = choice.kind + (", no similar word was found" if choice.degraded else "")
            why += "" if choice.similarity is None else f", similarity {choice.similarity:.2f}"
            for place in choice.positions:
                kinds[place] = KINDS[choice.kind]
                tips[place] = f"{choice.before} → {choice.after}: {why}; n-gram of {choice.ngram}"
        places = range(len(each.masked))
        st.html(
            token_strip(
                each.masked, [kinds.get(place, 0.0) for place in places], 1.0,
                [tips.get(place, "not selected") for place in places], [at < 0 for at in each.word_ids], "",
            )
        )  # fmt: skip
    st.caption("Darkness: [MASK], similar word, random word, kept. Hover for the reason. Italic: never selected.")
    mac = found["mac"]
    st.subheader("Mac masking, word by word", anchor=False)
    st.caption(f"Similar words: {plain(mac.similar)}.")
    st.dataframe(
        [
            {
                "word": choice.before,
                "becomes": choice.after,
                "how": choice.kind + (" (no similar word)" if choice.degraded else ""),
                "similarity": choice.similarity,
                "n-gram of": choice.ngram,
            }
            for choice in mac.choices
        ],
        hide_index=True,
    )


def _use(example: str) -> None:
    st.session_state["text"] = example


def _draw_again() -> None:
    st.session_state["draw"] = int(st.session_state.get("draw", 0)) + 1


def corpus() -> None:
    """Statistics over a corpus beside the paper's."""
    from engine.analysis.masked_text import corpus_statistics

    of = _settings()
    with st.sidebar:
        data = widgets.dataset_choice()
    strategy = st.segmented_control(
        "Strategy", list(STRATEGIES), default="mac", key="strategy", required=True, bind="query-params"
    )
    settings = {**of["settings"], "strategy": strategy}
    key = json.dumps(["masking of", data, settings, of["similar"], of["model"]], sort_keys=True)
    found = state.kept(
        key,
        "Masking the corpus",
        lambda report: corpus_statistics(
            data["dataset"], settings, model=of["model"], similar=of["similar"], limit=data["limit"], progress=report
        ),
    )
    unit = "tokens" if strategy == "original" else "words"
    st.markdown(
        f"**{found['share']:.1%}** of {found['units']} {unit} in {found['texts']} texts were selected"
        f" (asked for: {of['settings']['mask_share']:.0%})."
    )
    left, right = st.columns(2)
    kinds = {"replaced": of["settings"]["replace_share"], "random": of["settings"]["random_share"]}
    kinds["kept"] = 1 - sum(kinds.values())
    groups = {"here": found["kinds"], "asked for": kinds}
    left.plotly_chart(figures.bars(groups, "what became of a selected word", "share"), key="kinds")
    if strategy in ("ngram", "mac"):
        lengths = {"here": found["ngrams"], "paper": dict(enumerate(NGRAM_SHARES, 1))}
        named = {group: {str(n): share for n, share in values.items()} for group, values in lengths.items()}
        right.plotly_chart(figures.bars(named, "words in the n-gram", "share of n-grams"), key="ngrams")
    if strategy == "mac":
        st.caption(
            f"{found['degraded']:.1%} of the selected words were to become similar words, but none with as many tokens was"
            " found, so a random word took their place; they are counted as replaced."
        )
