"""The parts of the Compare page that say how far its numbers can be believed: two bounds, and the audit."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.shell import state
from app.shell.address import said_if_unknown
from app.shell.layout import plain
from engine.analysis.sandwich import sampling
from engine.statistics import rounded_up

BOTH = (
    "An attack shows how robust a model is **at most**; a certificate, **at least**. Both are of the *smoothed* classifier here:"
    " it answers with what the model says most often"
)
AGAINST = ("δ in embedding space", "changed words")


def sandwich() -> None:
    """Certificate below, attack above: of δ in embedding space, or of changed words."""
    with st.sidebar:
        said_if_unknown("against", AGAINST)
        against = st.segmented_control(
            "Against", AGAINST, default=AGAINST[0], key="against", required=True, bind="query-params",
            help="What the two bounds are of: a δ of some length, or a number of changed words.",
        )  # fmt: skip
    (of_words if against == AGAINST[1] else of_deltas)()


def of_deltas() -> None:
    """The two bounds against the length of δ."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice(10)
        how = widgets.asked("sandwich", "epsilons", "sigma", "samples", "steps", "alpha", "site", "seed")
    widgets.about(classifier, of, "sandwich")
    st.markdown(f"{BOTH} under normal noise, σ = {how['sigma']:g}.")
    found = state.analyse("sandwich", classifier, "Voting and attacking", **how, **of)
    show(found, "bounds", "bounds")
    st.caption(
        f"Every certificate holds with probability {1 - how['alpha']:g} (Cohen et al. 2019; Clopper–Pearson). The attack: the end of"
        " APGD's climb on the model, and of one that climbs the mean of noisy copies, put to the vote. ε = 0: the votes for the"
        f" text itself. {how['samples']} votes can certify radii up to {rounded_up(found.result.most)} at most, whatever the text: beyond it"
        f" the lower curve is 0, and more votes or a larger σ raise it. {sampling(len(found.result.sentences))}"
    )
    st.header("Sentence by sentence", anchor=False)
    show(found, "sentences", "sandwich-sentences")
    st.caption(
        f"Grey: not known. A bar without a cross: no attack of the grid changes the answer. {_shown(found.result.sentences)}"
    )


def _shown(sentences: Sequence[Any]) -> str:
    """How many sentences stand in the figure, and what became of the others."""
    wrong, right = sum(each.wrong for each in sentences), sum(each.right for each in sentences)
    return (
        f"{right} of {len(sentences)} sentences: those to whose label the votes lean. Shown to get another label: {wrong}."
        f" The votes of {len(sentences) - right - wrong} others show nothing, so that these may count as right."
    )


def of_words() -> None:
    """The two bounds against the number of changed words."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice(10)
        how = widgets.asked("word sandwich", "keep", "most_words", "samples", "alpha", "seed")
        how |= widgets.own("word sandwich", "candidates")
    widgets.about(classifier, of, "word sandwich")
    st.markdown(f"{BOTH} when all words but {how['keep']:.0%} are hidden.")
    found = state.analyse("word sandwich", classifier, "Voting and attacking", **how, **of)
    show(found, "bounds", "word-bounds")
    st.caption(
        f"Every certificate holds with probability {1 - how['alpha']:g}, whatever becomes of so many words (Zeng et al. 2021 with"
        " β = 1; Clopper–Pearson). The attack puts similar words in their place, the most important first, seen through random"
        " masks; its texts are put to the vote. Only a model that has learnt to answer from few words can be certified:"
        " train one with RanMASK."
    )
    st.header("Sentence by sentence", anchor=False)
    show(found, "sentences", "word-sandwich-sentences")
    st.caption(
        f"Grey: not known. A bar without a cross: no text of the attack changes the answer. {_shown(found.result.sentences)}"
    )


def audit() -> None:
    """Whether an attack in embedding space can be believed."""
    with st.sidebar:
        models = widgets.classifiers_choice("audit")
        of = widgets.dataset_choice(30)
        how = widgets.asked(
            "audit", "attack", "epsilon", "steps", "restarts", "site", "transfer_from", "seed", steps=10
        )
    models = widgets.about_all(models, of)
    st.markdown(
        "An attack that finds little may be a weak attack. These are signs by which one that does not work is known, and what"
        " each of them would mean."
    )
    found = state.analyse("audit", models, "Attacking in many ways", **how, **of)
    show(found, "accuracy", "audit-accuracy")
    for place, (name, each) in enumerate(found.results.items()):
        st.header(plain(name), anchor=False)
        (st.success if each.believed else st.error)(plain(each.verdict))
        failed = [check for check in each.checks if check.passed is False]
        if failed:
            st.markdown("\n".join(f"- **{plain(check.name)}** failed: {plain(check.means)}" for check in failed))
        one = state.analyse("audit", {name: models[name]}, "Attacking in many ways", **how, **of)
        show(one, "checks", f"checks-{place}")


def intervals() -> None:
    """A model small enough to be bounded as a whole, trained plainly and for tight bounds."""
    with st.sidebar:
        of = widgets.dataset_choice(200)
        how = widgets.asked("intervals", "weight", "seed") | widgets.own("intervals", "candidates")
    st.markdown(
        "A teaching model: the mean of word vectors, then a two-layer network. Every word may become one of its similar words: the"
        " least and the largest value of every hidden unit, a_h, are pushed through the network (*interval bound propagation*). Where the"
        " right class wins in the worst corner, **no** choice of words changes the answer."
    )
    st.latex(
        r"\min_{w_i'\in P_{w_i}}(z_y-z_j)\;\ge\;\sum_h (W_{yh}-W_{jh})^{+}\,\underline a_h+(W_{yh}-W_{jh})^{-}\,\overline a_h+b_y-b_j"
    )
    text = st.text_input("Your own sentence (empty: the first example)", key="text", bind="query-params")
    found = state.analyse("intervals", None, "Training and bounding", text=text, **how, **of)
    for said in found.result.warnings():
        st.warning(plain(said), icon=":material/warning:")
    show(found, "bounds", "interval-bounds")
    st.caption(
        f"Trained on {found.result.texts:,} texts with {how['candidates']} similar words per word, tried on {found.result.examples:,}."
        " Shaded: not known. Plain training leaves nothing that intervals could certify; training on the bounds themselves makes them"
        " tight, and costs accuracy (Jia et al. 2019; κ is the weight)."
    )
    st.header("One sentence", anchor=False)
    st.markdown(f"“{plain(found.result.shown)}”")
    if found.result.left_out:
        st.caption(f"Without a vector, and so left out: {plain(', '.join(found.result.left_out))}.")
    show(found, "margin", "interval-margin")
    st.caption("Above 0 the answer stands; where even the bound is above 0, it is certain.")
