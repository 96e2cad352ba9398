"""The views of the Compare page."""

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.panels import studies
from app.shell import state
from app.shell.layout import plain
from engine.robustness.text import Limits
from engine.robustness.words import Attacked
from engine.studies.published import SOURCES


def page(view: str) -> None:
    """One of its views."""
    views = {
        "Between two bounds": sandwich,
        "Audit": audit,
        "Transfer": transfer,
        "Word attacks": word_attack,
        "Studies": studies.page,
        "Published tables": papers,
    }
    views.get(view, embedding_attack)()


def embedding_attack() -> None:
    """Accuracy against ε."""
    st.latex(
        r"\mathrm{acc}(\epsilon)=\frac1n\sum_i\big[\forall\,\|\delta\|_F\le\epsilon:\ \arg\max f_\theta(X_i+\delta)=y_i\big]"
    )
    with st.sidebar:
        models = widgets.classifiers_choice("robust accuracy")
        of = widgets.dataset_choice(30)  # Something real on screen in a minute; more of them when asked.
        names = ("attack", "steps", "restarts", "schedule", "epsilons", "site", "seed")
        how = widgets.asked("robust accuracy", *names, steps=5, restarts=1)
    models = widgets.about_all(models, of)
    found = state.analyse("robust accuracy", models, "Attacking", **how, **of)
    show(found, "curve", "curve")
    st.caption(
        "The attack climbs in embedding space against the true label. Bands: 95 % bootstrap over the examples. The value at"
        " ε = 0 is the clean accuracy. Each model's second line is its accuracy under twice as many steps: where the"
        " two lines differ, the attack has not converged, and the accuracy is an upper bound."
    )
    loose = [
        f"{name} at ε = {point.epsilon:g}"
        for name, each in found.results.items()
        for point in each.curve
        if not point.converged
    ]
    if loose:
        st.warning(f"Not converged (more than one point apart): {plain(', '.join(loose))}. Take more steps.")
    st.subheader("Is it as sure as it is right?", anchor=False)
    show(state.analyse("calibration", models, "Calibration", **of), "reliability", "reliability")


def sandwich() -> None:
    """Certificate below, attack above."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice(10)
        how = widgets.asked("sandwich", "epsilons", "sigma", "samples", "steps", "alpha", "site", "seed")
    widgets.about(classifier, of)
    st.markdown(
        "An attack shows how robust a model is **at most**; a certificate, **at least**. Both are of the *smoothed*"
        f" classifier here: it answers with what the model says most often under normal noise, σ = {how['sigma']:g}."
    )
    found = state.analyse("sandwich", classifier, "Voting and attacking", **how, **of)
    show(found, "bounds", "bounds")
    st.caption(
        f"Every certificate holds with probability {1 - how['alpha']:g} (Cohen et al. 2019; Clopper–Pearson). The attack: the end of"
        " APGD's climb on the model, and of one that climbs the mean of noisy copies, put to the vote. ε = 0: the votes for the"
        f" text itself. {how['samples']} votes can certify radii up to {found.result.most:.3g} at most, whatever the text: beyond it"
        f" the lower curve is 0, and more votes or a larger σ raise it. With {len(found.result.sentences)} examples, chance alone moves an accuracy of 0.5 by about"
        f" ±{0.98 / len(found.result.sentences) ** 0.5:.2f}."
    )
    st.subheader("Sentence by sentence", anchor=False)
    show(found, "sentences", "sandwich-sentences")
    st.caption("Grey: not known. A bar without a cross: no attack of the grid changes the answer.")


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
        st.subheader(plain(name), anchor=False)
        (st.success if each.believed else st.error)(plain(each.verdict))
        one = state.analyse("audit", {name: models[name]}, "Attacking in many ways", **how, **of)
        show(one, "checks", f"checks-{place}")


def own_verdict(one: Attacked) -> str:
    """What became of one's own sentence."""
    if not one.success:
        return f"no allowed change of words that was tried turns the answer ({one.queries} queries)."
    words = f"{len(one.changes)} word{'s' if len(one.changes) > 1 else ''}"
    return f"{words} turn the answer (similarity {one.similarity:.2f}, {one.queries} queries). Does it still mean the same?"


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
            st.markdown(f"**{plain(name)}:** {plain(own_verdict(found.result.examples[0]))}")
            show(found, "diff", f"own-{place}")
        return
    models = widgets.about_all(models, of)
    found = state.analyse("word attack", models, "Attacking", **how, **of)
    show(found, "summary", "attack-summary")
    show(found, "table", "attack-table")
    st.caption(
        "**success**: share of the examples that were right before. **words changed**, **similarity**: means over the"
        " successful attacks. **queries**: how many texts the model was asked about, on average. A text that fools a"
        " model need not be fluent: read the examples."
    )
    for place, (name, each) in enumerate(found.results.items()):
        st.subheader(plain(name), anchor=False)
        one = state.analyse("word attack", {name: models[name]}, "Attacking", **how, **of)
        chosen = show(one, "examples", f"attacked-{place}", {"on_select": "rerun", "selection_mode": "single-row"})
        rows = chosen.selection.rows if chosen is not None else []
        fooled = next((at for at, example in enumerate(each.examples) if example.success), 0)
        show(one, "diff", f"diff-{place}", place=rows[0] if rows else fooled)


def papers() -> None:
    """The papers' tables, and their gains over the baseline."""
    titles = {key: f"{source.paper}, {source.table}" for key, source in SOURCES.items()}
    widgets.linked("paper", titles)
    chosen = st.selectbox(
        "Table", list(titles), format_func=titles.__getitem__, key="paper", bind="query-params",
        help="Every figure is shown as its paper prints it.",
    )  # fmt: skip
    source = SOURCES[chosen]
    st.markdown(f"{source.split}. **What differs from a run here:** {source.differs}")
    found = state.analyse("published", None, "", keep=False, paper=chosen)
    show(found, "table", "published")
    if found.result.own:
        st.caption(
            "**yours**: your completed runs, on the validation split, in points (medians over the runs). They differ from the"
            " papers' in model, data and budget, as said above: what can be compared is each one's gain over its own"
            " baseline."
        )
    else:
        st.info(
            "Your own results stand here beside the papers' once a run on one of these tasks has ended, for instance"
            " `python -m engine train --method freelb --dataset glue/mrpc --data-dir FOLDER`, or a study with the data set"
            " `glue/mrpc@FOLDER`."
        )
    if found.result.gains:
        st.subheader("Gain over the baseline", anchor=False)
        show(found, "gains", "gains")
        words = plain(" and ".join(source.baselines.values()) or "nothing: the table has no baseline")
        st.caption(f"The papers' rows over {words}; yours over your vanilla runs of the same model and length.")
