"""Widgets made from settings, so that pages hold no second list of them. Their values stand in the page's URL."""

from typing import Any

import streamlit as st

from app.layout import plain


def _bounds(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The part of a field's schema with type and bounds, and whether it may be empty."""
    options = schema.get("anyOf", [schema])
    return next(each for each in options if each.get("type") != "null"), len(options) > 1


def setting(name: str, schema: dict[str, Any], key: str, default: Any = None, *, linked_to_address: bool = True) -> Any:
    """One widget for one field, with its bounds and help; returns its value."""
    inner, optional = _bounds(schema)
    default = schema.get("default") if default is None else default
    label = name.replace("_", " ").capitalize()
    shared: dict[str, Any] = {"key": key, "help": schema.get("description")}
    if linked_to_address:
        shared["bind"] = "query-params"
    if "enum" in inner:
        return st.selectbox(label, inner["enum"], index=inner["enum"].index(default), **shared)
    if inner.get("type") == "boolean":
        return st.checkbox(label, value=default, **shared)
    if inner.get("type") not in ("integer", "number"):
        return st.text_input(label, value=default or "", max_chars=inner.get("maxLength"), **shared)
    kind = int if inner["type"] == "integer" else float
    low, high = inner.get("minimum", inner.get("exclusiveMinimum")), inner.get("maximum")
    return st.number_input(
        f"{label} (empty: none)" if optional else label,
        min_value=None if low is None else kind(low),
        max_value=None if high is None else kind(high),
        value=None if default is None else kind(default),
        step=1 if kind is int else max(abs(default or 0.0) / 5, 1e-7),
        format="%d" if kind is int else "%.7g",
        **shared,
    )


def settings(schemas: dict[str, dict[str, Any]], prefix: str, names: list[str] | None = None) -> dict[str, Any]:
    """Widgets for the fields of a `Settings` class (all, or those named); returns the values."""
    return {name: setting(name, schemas[name], f"{prefix}-{name}") for name in names or schemas}


def method_choice(key: str = "method", default: str = "pgd") -> Any:
    """Choose a method; returns its class."""
    from engine.methods import REGISTRY, get_method

    names = list(REGISTRY)
    chosen = st.selectbox(
        "Method",
        names,
        index=names.index(default),
        format_func=lambda name: get_method(name).title,
        key=key,
        bind="query-params",
        help="How δ is found and what the model learns from it.",
    )
    return get_method(chosen)


def method_settings(method: Any, prefix: str) -> Any:
    """A choice of its published presets, and widgets for all its settings; returns a checked settings object."""
    chosen = None
    if method.presets:
        key = f"{prefix}-{method.name}-preset"
        chosen = st.selectbox(
            "Preset", list(method.presets), index=None, placeholder="none: Deltabook's own values", key=key,
            bind="query-params", on_change=_take_preset, args=(method, prefix, key),
            help="Fills in what a published run used, its learning rate under How too. Those are for large encoders: their ε is"
            " in that model's units.",
        )  # fmt: skip
    values = settings(method.Settings.schema(), f"{prefix}-{method.name}")
    if chosen:
        wanted = method.Settings.parse(method.preset(chosen)[0]).as_dict()
        if other := [name.replace("_", " ") for name, value in values.items() if value != wanted[name]]:
            st.caption(f"Changed from the preset: {plain(', '.join(other))}.")
    return method.Settings.parse(values)


def _take_preset(method: Any, prefix: str, key: str) -> None:
    """Put a preset's values into the method's widgets, and into the run's where the page has them; without one, the defaults."""
    from engine.methods.presets import RUN
    from engine.runs.config import TrainConfig

    chosen = st.session_state[key]
    own, of_run = method.preset(chosen) if chosen else ({}, {})
    for name, schema in method.Settings.schema().items():
        st.session_state[f"{prefix}-{method.name}-{name}"] = own.get(name, schema.get("default"))
    run = TrainConfig.schema()
    for name in RUN:
        if f"run-{name}" in st.session_state:
            st.session_state[f"run-{name}"] = of_run.get(name, run[name]["default"])


def choices() -> dict[str, str]:
    """What can be looked at, name → words for people: built-in models; runs with a model or a checkpoint."""
    from engine.models import BUILTIN
    from engine.runs.config import is_pretraining
    from engine.runs.store import Store

    found = {name: name for name in BUILTIN}
    for run in Store().all():
        if not is_pretraining(run.config["method"]) and (run.model_folder.exists() or run.last_checkpoint):
            # Without its status, which changes: an address finds an option by what it shows.
            found[f"run:{run.id}"] = f"{run.title} · {run.id}"
    return found


def encoder_choice() -> str:
    """Choose what is trained: a built-in model, the encoder of a finished pre-training run, a folder or hub name."""
    from engine.models import BUILTIN
    from engine.runs.config import is_pretraining
    from engine.runs.store import Store

    names = {name: name for name in BUILTIN}
    for run in Store().all():
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
    linked(key, names)
    chosen = st.selectbox(
        "Model",
        list(names),
        format_func=lambda name: names.get(name, name),
        accept_new_options=True,
        key=key,
        bind="query-params",
        help=help_,
    )
    return str(chosen or "")


def _loaded(chosen: str) -> Any:
    from app import state

    run = chosen.removeprefix("run:") if chosen.startswith("run:") else None
    return state.classifier(None if run else chosen, run)


def classifier_choice() -> Any:
    """Choose what is looked at: the built-in model, a run (one that still trains too), a folder or hub name."""
    names = choices()
    chosen = _model_choice("of", names, "The built-in encoder, one of your runs, or type a folder or hub name.")
    return _loaded(chosen or next(iter(names)))


def classifiers_choice() -> dict[str, Any]:
    """Choose several models to be laid over one another, by their names for people."""
    names = choices()
    linked("models", names)
    chosen = st.multiselect(
        "Models",
        list(names),
        default=[next(iter(names))],
        format_func=lambda name: names.get(name, name),
        accept_new_options=True,
        key="models",
        bind="query-params",
        max_selections=6,
        help="The built-in encoder and your runs, or type a folder or hub name; several are laid over one another.",
    )
    return {names.get(name, name): _loaded(name) for name in chosen or [next(iter(names))]}


def linked(key: str, names: dict[str, str]) -> None:
    """Let an address name an option by its value too: a bound select box is found there by what it shows."""
    given = st.query_params.get_all(key)
    shown = [names.get(value, value) for value in given]
    if shown != given and key not in st.session_state:
        st.query_params[key] = shown
        st.rerun()


def run_choice(runs: list[Any], help_: str) -> Any:
    """Choose one of some runs; an address may name it by its id."""
    names = {run.id: f"{run.title} · {run.id}" for run in runs}
    linked("run", names)
    chosen = st.selectbox("Run", list(names), format_func=names.__getitem__, key="run", bind="query-params", help=help_)
    return next(run for run in runs if run.id == chosen)


def about(classifier: Any, of: dict[str, Any]) -> None:
    """Say which classifier is looked at, how it was made, and what a person must know of it with this text or data set.

    Args:
        of: `text` and `text_pair`, or `dataset` and `limit`.
    """
    from app import state

    st.caption(f"Classifier: {plain(classifier.origin)}")
    for said in state.remarks(classifier, of):
        st.warning(plain(said), icon=":material/warning:")


def about_all(models: dict[str, Any], of: dict[str, Any]) -> dict[str, Any]:
    """`about` every one of several models; returns them by names that bear the mark of those that have collapsed."""
    from engine.analysis.remarks import mark_on
    from engine.runs.run import marked

    for classifier in models.values():
        about(classifier, of)
    return {marked(name, mark_on(each, of["dataset"], limit=of["limit"])): each for name, each in models.items()}


def dataset_choice(limit: int = 100) -> dict[str, Any]:
    """Choose a data set and how much of its validation split; returns `dataset` and `limit` (at first the given one)."""
    from app.uploads import short_name, uploaded
    from engine.data.builtin import TASKS

    dataset = st.selectbox(
        "Data set",
        [*TASKS, *uploaded()],
        accept_new_options=True,
        key="dataset",
        bind="query-params",
        format_func=short_name,
        help="Its validation split is looked at. Built in, uploaded on Train, or type a path or a hub name.",
    )
    chosen = st.number_input(
        "Examples",
        10,
        100_000,
        limit,
        10,
        key="limit",
        bind="query-params",
        help="A fixed random sample of the split, so many of it.",
    )
    return {"dataset": dataset or next(iter(TASKS)), "limit": int(chosen)}


EXAMPLE = "The film is a little slow, but the acting is wonderful."


def sentence() -> dict[str, Any]:
    """A sentence, or a pair; returns `text` and `text_pair`."""
    text = st.text_area(
        "Sentence", EXAMPLE, key="text", bind="query-params", height=80,
        help="What is perturbed; cut to what the model reads (usually 512 tokens).",
    )  # fmt: skip
    pair = st.text_input(
        "Second sentence (for pairs; leave empty otherwise)", key="pair", bind="query-params",
        help="For models of sentence pairs, such as paraphrases and entailment.",
    )  # fmt: skip
    return {"text": text, "text_pair": pair or None}


def label_choice(classifier: Any) -> str | None:
    """What the loss is taken against; None: the model's own prediction."""
    if classifier.is_regression:
        score = st.number_input(
            "Loss is taken against the score", value=None, key="label-score", bind="query-params", placeholder="its own: 0",
            help="Against the model's own score the loss is 0 and has no slope: give another one to see what moves.",
        )  # fmt: skip
        return None if score is None else str(score)
    names = ["the model's own prediction", *classifier.labels]
    chosen = st.segmented_control(
        "Loss is taken against", names, default=names[0], key="label", required=True, bind="query-params",
        help="The adversary moves the sentence so that this answer becomes less likely.",
    )  # fmt: skip
    return None if chosen in (None, names[0]) else str(chosen)


def draw_number() -> int:
    """How often "Sample again" was pressed: the seed of what it draws; part of the address."""
    with st.sidebar:
        return int(
            st.number_input("Draw", 0, 2**31 - 1, 0, key="draw", bind="query-params", help="Which sample; its seed.")
        )


def draw_again() -> None:
    """The button that draws another sample."""
    st.button("Sample again", icon=":material/casino:", on_click=_next_draw)


def _next_draw() -> None:
    st.session_state["draw"] = int(st.session_state.get("draw", 0)) + 1


def seed_input() -> int:
    """The seed of whatever an analysis draws."""
    return int(st.number_input("Seed", 0, 2**31 - 1, 0, key="seed", bind="query-params", help="Of what is random."))


def radius_input(default: float = 0.5) -> float:
    """ε, shared by all methods that are compared."""
    return float(
        st.number_input(
            "Epsilon", 0.001, 100.0, default, 0.05, key="epsilon", bind="query-params", format="%.4g",
            help="Radius ε of the ball that δ stays in (Frobenius norm per sentence, embedding units).",
        )
    )  # fmt: skip
