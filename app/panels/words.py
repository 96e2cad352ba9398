"""The parts of the Compare page that attack with real words."""

from typing import Any

import pandas as pd
import streamlit as st

from app import widgets
from app.notebook.pins import growing, show
from app.shell import state
from app.shell.layout import plain
from app.views.protocol import marks_of
from engine.analysis.protocol import ProtocolSettings
from engine.robustness.marks import Marks
from engine.robustness.text import Limits
from engine.robustness.words import Attacked


def transfer() -> None:
    """Whose adversarial texts fool whom."""
    with st.sidebar:
        models = widgets.classifiers_choice("word attack")
        of = widgets.dataset_choice(10)
        how = widgets.asked("word attack", "search", "seed") | widgets.settings(Limits.schema(), "limits")
    if len(models) < 2:
        st.info("Choose two or more models in the sidebar: texts that fool one are shown to the others.")
        return
    references = [each.reference for each in models.values()]
    found = state.analyse("transfer", None, "Attacking every model", models=references, **how, **of)
    show(found, "matrix", "transfer-matrix")
    st.caption(
        "Texts of word attacks that fool the model of a row (every one fools its own), shown to the model of a column: the share"
        " that fools it, of those whose original it gets right."
    )
    for place, (name, texts) in enumerate(zip(models, found.result.texts, strict=True)):
        st.caption(plain(f"{place + 1}: {name} ({texts} texts)"))


def _warned(remark: str) -> None:
    if remark:
        st.warning(plain(remark), icon=":material/warning:")


def word_attack() -> None:
    """Attacks that change real words."""
    with st.sidebar:
        models = widgets.classifiers_choice("word attack")
        of = widgets.dataset_choice(30)  # Something real on screen in a minute; more of them when asked.
        how = widgets.asked("word attack", "search", "seed") | widgets.settings(Limits.schema(), "limits")
    text = st.text_input(
        "Your own sentence (empty: the data set)", key="text", bind="query-params",
        help="What the model says of it counts as right; the attack looks for words that change that.",
    )  # fmt: skip
    if text.strip():
        of["text"] = text
        for classifier in models.values():
            widgets.about(classifier, of)
        for place, (name, classifier) in enumerate(models.items()):
            found = state.analyse("word attack", {name: classifier}, "Attacking", **how, **of)
            st.markdown(f"**{plain(name)}:** {plain(found.result.examples[0].verdict())}")
            _warned(found.result.remark)
            show(found, "diff", f"own-{place}")
        return
    models = widgets.about_all(models, of)
    with growing("word attack", "examples") as grows:
        found = state.analyse("word attack", models, "Attacking", grows, **how, **of)
    for remark in dict.fromkeys(each.remark for each in found.results.values()):
        _warned(remark)
    show(found, "summary", "attack-summary")
    show(found, "table", "attack-table")
    st.caption(
        "**success**: share of the examples that were right before. **words changed**, **similarity**: means over the"
        " successful attacks. **queries**: how many texts the model was asked about, on average. A text that fools a"
        " model need not be fluent, nor mean the same: opposites are left out only as far as WordNet, people's ratings of words and the words' vectors know them. Read the examples."
    )
    for place, (name, each) in enumerate(found.results.items()):
        st.header(plain(name), anchor=False)
        one = state.analyse("word attack", {name: models[name]}, "Attacking", **how, **of)
        chosen = show(one, "examples", f"attacked-{place}", {"on_select": "rerun", "selection_mode": "single-row"})
        rows = chosen.selection.rows if chosen is not None else []
        fooled = next((at for at, example in enumerate(each.examples) if example.success), 0)
        show(one, "diff", f"diff-{place}", place=rows[0] if rows else fooled)
        if rows:
            widgets.look_at(each.examples[rows[0]].before)


def protocol() -> None:
    """All searches under the limits that papers share, and whether the meaning was kept."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice(10)
        limits = {name: schema for name, schema in ProtocolSettings.schema().items() if name in Limits.names()}
        how = widgets.settings(limits, "protocol") | widgets.asked("protocol", "language_model", "seed")
    widgets.about(classifier, of, "protocol")
    found = state.analyse("protocol", classifier, "Attacking", **how, **of)
    show(found, "accuracy", "protocol-accuracy")
    st.markdown(f"**{plain(found.result.verdict())}**")
    search = st.segmented_control(
        "Texts of", list(found.result.attacks), default="greedy", key="search", required=True, bind="query-params",
        help="The texts that fool the model, to be marked below.",
    )  # fmt: skip
    won = [each for each in found.result.attacks[search or "greedy"].examples if each.success]
    if won:
        st.caption(
            "Does it still mean the same? Double-click a cell of the first column to mark its pair: the table below then says how much of the success is left. Marks are of the"
            " two texts, and kept for every model and attack."
        )
        mark_pairs(won)
    else:
        st.caption("No text of this search fools the model.")
    show(found, "table", "protocol-table", marks=marks_of(found.result))
    st.caption(
        "**success**: share of the examples that were right before; **meaning kept**: among them, what people marked so, up to that"
        " with what nobody has marked. Opposites and other parts of speech are left out, as far as WordNet, people's"
        " ratings of words and the words' vectors know them; the last row allows all, as the published protocol does. Papers attack 1,000 texts."
    )


ANSWERS = {True: "kept", False: "not kept", None: "?"}


def mark_pairs(won: list[Attacked]) -> None:
    """A table of pairs to be marked; what is changed there goes to the database."""
    pairs = [(each.before, each.after) for each in won]
    marks = Marks().of(pairs)
    rows = [
        {"meaning kept?": ANSWERS[mark], "changed": ", ".join(f"{old} → {new}" for _, old, new in each.changes), "after": each.after, "before": each.before}
        for each, mark in zip(won, marks, strict=True)
    ]  # fmt: skip
    edited = st.data_editor(
        pd.DataFrame(rows), hide_index=True, disabled=["before", "changed", "after"], width="stretch",
        column_config={
            "meaning kept?": st.column_config.SelectboxColumn(
                options=list(ANSWERS.values()), required=True, width="small", help="Double-click a cell to choose."
            ),
            "changed": st.column_config.TextColumn(width="medium"),
            "after": st.column_config.TextColumn(width="large"),
        },
    )  # fmt: skip
    meant: dict[Any, bool | None] = {word: mark for mark, word in ANSWERS.items()}
    changed = False
    for pair, before, now in zip(pairs, marks, edited["meaning kept?"], strict=True):
        if meant[now] != before:
            Marks().mark(*pair, meant[now])
            changed = True
    if changed:
        st.rerun()
