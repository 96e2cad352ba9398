"""The views of the Compare page."""

import streamlit as st

from app import widgets
from app.notebook.pins import growing, show
from app.panels import bounds, ledger, studies, words
from app.shell import state
from app.shell.layout import plain
from engine.studies.published import SOURCES


def page(view: str) -> None:
    """One of its views."""
    views = {
        "Between two bounds": bounds.sandwich,
        "Audit": bounds.audit,
        "Transfer": words.transfer,
        "Word attacks": words.word_attack,
        "Protocol": words.protocol,
        "Bounds by intervals": bounds.intervals,
        "Studies": studies.page,
        "Ledger": ledger.page,
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
    state.ask_for_all(("robust accuracy", models, {**how, **of}), ("calibration", models, of))
    with growing("robust accuracy", "curve") as grows:
        found = state.analyse("robust accuracy", models, "Attacking", grows, **how, **of)
    show(found, "curve", "curve")
    st.caption(
        "The attack climbs in embedding space against the true label. Bands: exact 95 % intervals for so many examples. The value at"
        " ε = 0 is the clean accuracy. What an attack leaves is an upper bound: another one may find more. Each model's dotted line is"
        " its accuracy under twice as many steps: where the two lines differ, not even this attack has converged."
    )
    loose = [
        f"{name} at ε = {point.epsilon:g}"
        for name, each in found.results.items()
        for point in each.curve
        if not point.converged
    ]
    if loose:
        st.warning(f"Not converged (more than one point apart): {plain(', '.join(loose))}. Take more steps.")
    st.header("Is it as sure as it is right?", anchor=False)
    show(state.analyse("calibration", models, "Calibration", **of), "reliability", "reliability")


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
        st.header("Gain over the baseline", anchor=False)
        show(found, "gains", "gains")
        over = plain(" and ".join(source.baselines.values()) or "nothing: the table has no baseline")
        st.caption(f"The papers' rows over {over}; yours over your vanilla runs of the same model and length.")
