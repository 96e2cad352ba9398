"""Choosing what is looked at, and what must be said of it."""

from typing import Any

import streamlit as st

from app.shell import state
from app.shell.carrying import bring, keep
from app.shell.layout import plain
from app.shell.roles import student
from app.widgets.inputs import linked
from engine.catalogue import analysis_of
from engine.classroom import Classroom
from engine.errors import UserError
from engine.model_names import BUILTIN
from engine.paths import exists
from engine.runs.config import is_pretraining
from engine.runs.run import FINISHED, RUN, UNDER_WAY, Run, marked
from engine.runs.store import Store

OFFERED = 200  # Of the runs, the newest; any other may be typed by its name or id.


def choices() -> dict[str, str]:
    """What can be looked at, name → words for people: built-in models; runs with a model or a checkpoint."""
    found = {name: name for name in BUILTIN}
    if student():  # Who is not to see the runs: what is on the class's screen is all there is besides.
        shown = Classroom().current()
        return found | ({each: each for each in [shown.screen["model"]] if each} if shown and shown.screen else {})
    for run in _offered():
        if not is_pretraining(run.config["method"]) and (run.model_folder.exists() or run.last_checkpoint):
            # Without its status, which changes: an address finds an option by what it shows.
            found[f"{RUN}{run.id}"] = f"{run.title} · {run.id}"
    return found


def _offered() -> list[Run]:
    return Store().latest(*FINISHED, *UNDER_WAY, most=OFFERED)


def encoder_choice() -> str:
    """Choose what is trained: a built-in model, the encoder of a finished pre-training run, a folder or hub name."""
    names = {name: name for name in BUILTIN}
    for run in _offered():
        if is_pretraining(run.config["method"]) and run.model_folder.exists():
            names[str(run.model_folder)] = f"{run.title} · {run.id}"
    return _model_choice(
        "model",
        names,
        "The built-in encoder, one that you pre-trained (ELECTRA, MacBERT), or type a folder with safetensors weights or a"
        " hub name.",
    )


def _model_choice(key: str, names: dict[str, str], help_: str) -> str:
    """Choose one of some models, name → words for people, or type another; "" for none."""
    bring(key, key)
    linked(key, names)
    chosen = st.selectbox(
        "Model",
        list(names),
        format_func=lambda name: names.get(name, name),
        accept_new_options=not student(),
        key=key,
        bind="query-params",
        help=help_,
    )
    keep(key, chosen, next(iter(names)))
    return str(chosen or "")


def _loaded(chosen: str) -> Any:
    """A model by what was chosen or typed; a run may be typed by its name or id, as on the command line."""
    if student() and chosen not in choices():  # From an address.
        raise UserError(f"In a class the models are {', '.join(choices())}.")
    run = chosen.removeprefix(RUN) if chosen.startswith(RUN) else None
    if run is None and chosen not in BUILTIN and not exists(chosen):
        run = Store().called(chosen.rsplit(" · ", 1)[-1])  # As it is offered: its title, and its id.
    return state.classifier(None if run else chosen, run)


def classifier_choice() -> Any:
    """Choose what is looked at: the built-in model, a run (one that still trains too), a folder or hub name."""
    names = choices()
    chosen = _model_choice(
        "of",
        names,
        "The built-in encoder, one of your runs (the newest 200; any by its name), or type a folder or hub name.",
    )
    keep("models", [chosen], [next(iter(names))])
    return _loaded(chosen or next(iter(names)))


def classifiers_choice(analysis: str) -> dict[str, Any]:
    """Choose several models to be laid over one another, by their names for people.

    Those that the analysis cannot be made of are left out, which is said with the reason.

    Raises:
        UserError: it can be made of none of them.
    """
    names = choices()
    bring("models", "models")
    linked("models", names)
    chosen = st.multiselect(
        "Models",
        list(names),
        default=[next(iter(names))],
        format_func=lambda name: names.get(name, name),
        accept_new_options=not student(),
        key="models",
        bind="query-params",
        max_selections=6,
        help="The built-in encoder and your runs, or type a folder or hub name; several are laid over one another.",
    )
    keep("models", chosen, [next(iter(names))])
    keep("of", (chosen or [""])[0], next(iter(names)))
    found = {names.get(name, name): _loaded(name) for name in chosen or [next(iter(names))]}
    refused = {name: why for name, each in found.items() if (why := analysis_of(analysis).refuses(each))}
    if len(refused) == len(found):
        raise UserError(next(iter(refused.values())))
    for name, why in refused.items():
        st.caption(plain(f"{name} is left out. {why}"))
    return {name: each for name, each in found.items() if name not in refused}


def run_choice(runs: list[Any], help_: str) -> Any:
    """Choose one of some runs; an address may name it by its id."""
    names = {run.id: f"{run.title} · {run.id}" for run in runs}
    linked("run", names, closed=True)
    chosen = st.selectbox("Run", list(names), format_func=names.__getitem__, key="run", bind="query-params", help=help_)
    return next(run for run in runs if run.id == chosen)


def about(classifier: Any, of: dict[str, Any], analysis: str = "", name: str = "") -> None:
    """Say which classifier is looked at, how it was made, and what a person must know of it with this text or data set.

    Args:
        of: `text` and `text_pair`, or `dataset` and `limit`.
        analysis: what the view shows; where it cannot be made of this model, the reason is said and the page ends.
        name: of the model, where there are others.
    """
    st.caption(f"Classifier: {plain(classifier.origin)}")
    if analysis and (why := analysis_of(analysis).refuses(classifier)):
        st.info(plain(why), icon=":material/block:")
        st.stop()
    for said in state.remarks(classifier, of):
        st.warning(plain(f"{name}: {said}" if name else said), icon=":material/warning:")


def about_all(models: dict[str, Any], of: dict[str, Any]) -> dict[str, Any]:
    """`about` every one of several models; returns them by names that bear the mark of those that have collapsed."""
    for name, classifier in models.items():
        about(classifier, of, name=name if len(models) > 1 else "")
    return {marked(name, state.mark_on(each, of["dataset"], of["limit"])): each for name, each in models.items()}
