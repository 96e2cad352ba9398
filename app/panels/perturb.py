"""The views of the Perturb page."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.panels import certificate, examples
from app.shell import state
from app.shell.layout import plain
from app.views.trace import verdict
from app.widgets.broadcast import broadcast
from engine.analysis.flip import MOST
from engine.analysis.trace import Trace
from engine.methods import get_method


def page(view: str) -> None:
    """One of its views."""
    if view == "A data set's examples":
        examples.page()
        return
    views = {
        "Methods side by side": side_by_side, "Through the layers": through_the_layers, "Across training": across_training,
        "What is certain": certificate.page,
    }  # fmt: skip
    views.get(view, one_method)()


def _at(found: state.Finding) -> widgets.Looking:
    """The ascent step and the token that a person looks at."""
    return widgets.looking(found.values, len(found.result.loss) - 1, len(found.result.tokens))


@st.fragment
def _strip(found: state.Finding) -> None:
    """The tokens at one ascent step. The slider moves in the browser; only this part is drawn again when it rests."""
    at = _at(found)
    if found.analysis == "trace":
        broadcast(found.subjects[""], found.values, at)
    show(found, "tokens", "tokens", {"at": at}, step=at.step, token=at.token)


def _model_and_method(analysis: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The sidebar of a view of one model and one method: these, the method's settings, and the seed."""
    with st.sidebar:
        classifier, method = widgets.classifier_choice(), widgets.method_choice()
        return (
            classifier,
            method,
            widgets.method_settings(method, "perturb", to_the_edge=True),
            widgets.asked(analysis, "seed"),
        )


def one_method() -> None:
    """One method, step by step."""
    classifier, method, settings, drawn = _model_and_method("trace")
    of = widgets.sentence(classifier.tags)
    st.latex(method.equation)
    st.caption(f"{method.summary} {method.reference}.")
    widgets.about(classifier, of)
    if classifier.tags:
        _tags(classifier, method=method.name, settings=settings.as_dict(), **drawn, **of)
        return
    label = widgets.label_choice(classifier)
    found = state.analyse(
        "trace", classifier, "Climbing", method=method.name, settings=settings.as_dict(), label=label, **drawn, **of
    )
    if found.remarks:  # What is said above of the model or the text: this is no headline then.
        st.caption(f"For what the model was given: {plain(verdict(found.result))}")
    else:
        st.markdown(f"**{plain(verdict(found.result))}**")
    if short := found.result.short_of_the_edge():
        st.caption(short)
    _strip(found)
    for column, name in zip(st.columns(3), ("loss", "probabilities", "size"), strict=True):
        with column:
            show(found, name, name)
    st.header("Every token at every step", anchor=False)
    show(found, "every step", "heatmap", token=_at(found).token)
    if not any(found.result.gaps):  # Tokens lie near one another at the word embeddings alone.
        return
    st.header("How far is that?", anchor=False)
    st.markdown(
        "How far each token was moved, as a share of the distance to the nearest other token of the vocabulary."
        " At 100 % it has gone as far as a real substitution would."
    )
    show(found, "yardstick", "yardstick", token=_at(found).token)
    with st.expander("Nearest vocabulary tokens of each perturbed token"):
        show(found, "nearest", "nearest")


def _tags(classifier: Any, **asked: Any) -> None:
    """One method on a model that tags every token."""
    label = st.text_input(
        "Loss is taken against the tags", key="tags", bind="query-params", placeholder="the model's own",
        help=f"A tag for every word, with spaces between: {', '.join(classifier.labels[:20])}.",
    )  # fmt: skip
    found = state.analyse("tags", classifier, "Climbing", label=label or None, **asked)
    st.markdown(f"**{plain(found.result.verdict())}**")
    _strip(found)
    for column, name in zip(st.columns(2), ("loss", "held"), strict=True):
        with column:
            show(found, name, name)
    st.header("Every token at every step", anchor=False)
    show(found, "every step", "heatmap", token=_at(found).token)


def side_by_side() -> None:
    """All methods on one sentence at one ε, and the ε at which each flips the label."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        how = widgets.asked("side by side", "epsilon", "steps", "seed", steps=3)  # As *One method* at first.
    of = widgets.sentence(classifier.tags)
    widgets.about(classifier, of, "side by side")
    label = widgets.label_choice(classifier)
    found = state.analyse("side by side", classifier, "Climbing with every method", label=label, **how, **of)
    epsilon = how.pop("epsilon")
    first: Trace = next(iter(found.result.traces.values()))
    away = [get_method(name) for name in found.result.traces if get_method(name).takes_differences]
    once = [get_method(name) for name in found.result.traces if "ascent_steps" not in get_method(name).Settings.names()]
    st.caption(
        f"Every method in the same ball, ‖δ‖ ≤ {epsilon:g} (Frobenius), with step size 2ε/K = {2 * epsilon / how['steps']:.3g}"
        f" ({_titles(once)}: one step to the edge). {_titles(away)} ascend a divergence, not the loss. Methods that differ only in what"
        " they learn from coincide here."
    )
    show(found, "tokens", "side-tokens")
    show(found, "loss", "side-loss")
    if classifier.is_regression:
        return
    st.header("At which ε does the label flip?", anchor=False)
    flips = state.analyse("flip", classifier, "Searching the smallest ε", **how, **of)
    gaps = [gap for gap, special in zip(first.gaps, first.special, strict=True) if gap and not special]
    st.markdown(
        "The smallest ε at which a method's ascent changes the prediction, found by bisection."
        + (
            f" As a yardstick: moving one token all the way to its nearest other token takes {min(gaps):.2f} to"
            f" {max(gaps):.2f} here."
            if gaps
            else ""
        )
    )
    if any(value is not None for value in flips.result.flip_epsilon.values()):
        show(flips, "epsilon", "flip-figure", gap=round(min(gaps), 4) if gaps else None)
    never = [get_method(name).title for name, value in flips.result.flip_epsilon.items() if value is None]
    if never:
        st.caption(f"Not up to ε = {MOST:g}: {', '.join(never)}.")


def _titles(methods: Sequence[Any]) -> str:
    names = [method.title for method in methods]
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])


def through_the_layers() -> None:
    """What a method's last δ does to the hidden states, block by block."""
    classifier, method, settings, drawn = _model_and_method("layers")
    of = widgets.sentence(classifier.tags)
    widgets.about(classifier, of, "layers")
    label = widgets.label_choice(classifier)
    found = state.analyse(
        "layers", classifier, "Climbing, then block by block", method=method.name, settings=settings.as_dict(), label=label,
        **drawn, **of,
    )  # fmt: skip
    st.markdown(f"**{plain(found.result.verdict())}**")
    st.header("How far every token's hidden state moves", anchor=False)
    clicked = show(found, "moved", "moved", {"on_select": "rerun", "selection_mode": "points"})
    points = clicked.selection.points if clicked is not None else []
    if points:
        _, place, at = points[0]["customdata"]
        tokens = found.result.tokens
        where = f"at the input of layer:{at}" if at < len(found.result.moved) - 1 else "at the input of the head"
        st.markdown(
            f"**{plain(tokens[place])}** is moved by {found.result.moved[at][place]:.2%} of its length {where}."
        )
        show(found, "token", "token", place=place)
    else:
        st.caption("Click a cell for its token's numbers, block by block.")
    st.header("What the classifier's head says at every block", anchor=False)
    show(found, "prediction", "prediction")
    st.caption(
        "The head is read off every block (a “logit lens”). It was trained on the last block alone: of the others it is an"
        " approximation that shows where the two inputs part, not what the model knew there."
    )
    st.header("How much the attention of every head changes", anchor=False)
    if found.result.heads:
        show(found, "heads", "heads")
    else:
        st.caption("This model does not give the weights of its attention.")


def across_training() -> None:
    """The same sentence under the models that a run kept."""
    from engine.runs.store import Store

    runs = {run.id: run for run in Store().all() if run.kept_models}
    if not runs:
        st.info(
            "No run has kept models to look back at. On Train, open More settings and switch on Keep models; or"
            " `python -m engine train … --set keep_models=true`."
        )
        return
    with st.sidebar:
        chosen = widgets.run_choice(list(runs.values()), "A run that kept models.")
        method = widgets.method_choice()
        settings = widgets.method_settings(method, "perturb", to_the_edge=True)
        drawn = widgets.asked("trace", "seed")
    models = {f"step {step}": state.classifier(None, f"{chosen.id}@{step}") for step in chosen.kept_models}
    first = next(iter(models.values()))
    of = widgets.sentence(first.tags)
    widgets.about(first, of, "trace")
    label = widgets.label_choice(first)
    if label is None and not first.is_regression:
        st.caption("Each model's loss is taken against its own prediction: choose a label to follow one loss.")
    found = state.analyse(
        "trace", models, "Climbing with the model", method=method.name, settings=settings.as_dict(), label=label,
        **drawn, **of,
    )  # fmt: skip
    show(found, "models", "across-tokens")
    show(found, "across training", "across-loss")
