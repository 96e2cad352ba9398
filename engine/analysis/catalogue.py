"""All analyses by name: each takes a classifier and plain values, so that it can be kept, linked to and run again."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from engine.analysis.classifier import Classifier
from engine.errors import UserError, known

Progress = Callable[[int, int], None] | None


def method_of(classifier: Classifier, method: str, settings: dict[str, Any], seed: int) -> Any:
    """A method by name and settings, with the classifier's special tokens."""
    from engine.methods import get_method

    made = get_method(method)
    return made(made.Settings.parse(settings), special_token_ids=classifier.tokenizer.all_special_ids, seed=seed)


def _trace(
    classifier: Classifier,
    progress: Progress,
    *,
    method: str,
    settings: dict[str, Any],
    text: str,
    text_pair: str | None = None,
    label: str | int | float | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Any:
    from engine.analysis.trace import trace

    return trace(classifier, method_of(classifier, method, settings, seed), text, text_pair, label, steps, seed)


def _side_by_side(
    classifier: Classifier,
    progress: Progress,
    *,
    epsilon: float,
    steps: int,
    text: str,
    text_pair: str | None = None,
    label: str | int | float | None = None,
    seed: int = 0,
) -> Any:
    """One trace per method, all at the same ε."""
    from engine.analysis.ascent import at_radius
    from engine.analysis.trace import trace
    from engine.methods import REGISTRY

    names = [name for name in REGISTRY if name != "vanilla"]
    found = {}
    for place, name in enumerate(names):
        made = at_radius(name, epsilon, steps, special_token_ids=classifier.tokenizer.all_special_ids, seed=seed)
        found[name] = trace(classifier, made, text, text_pair, label, steps, seed)
        if progress is not None:
            progress(place + 1, len(names))
    return found


def _flip(
    classifier: Classifier,
    progress: Progress,
    *,
    text: str,
    text_pair: str | None = None,
    steps: int = 5,
    seed: int = 0,
) -> dict[str, float | None]:
    """The ε at which every method's ascent changes the prediction (None: not up to 8)."""
    from engine.analysis.examples import flip_radius
    from engine.analysis.trace import encode_text
    from engine.methods import REGISTRY

    if classifier.is_regression:
        raise UserError("A regression model has no label that could flip: choose a classifier.")
    if not 1 <= steps <= 50:
        raise UserError(f"The ascent steps must be 1 to 50, but they are {steps}.")
    batch, _ = encode_text(classifier, text, text_pair)
    names = [name for name in REGISTRY if name != "vanilla"]
    found = {}
    for place, name in enumerate(names):
        found[name] = flip_radius(classifier, name, batch, steps=steps, seed=seed)
        if progress is not None:
            progress(place + 1, len(names))
    return found


def _examples(
    classifier: Classifier, progress: Progress, *, dataset: str, split: str = "validation", limit: int = 200
) -> pd.DataFrame:
    from engine.analysis.examples import example_table, examples

    return example_table(classifier, examples(classifier, dataset, split, limit), progress)


def _smoothness(
    classifier: Classifier,
    progress: Progress,
    *,
    dataset: str,
    split: str = "validation",
    limit: int = 200,
    settings: dict[str, Any] | None = None,
    seed: int = 0,
) -> Any:
    from engine.analysis.examples import examples
    from engine.analysis.smoothness import smoothness
    from engine.methods.smart import SMART

    method = SMART(SMART.Settings.parse(settings or {}))
    table = examples(classifier, dataset, split, limit)
    return smoothness(classifier, table, method, seed=seed, progress=progress)


def _smoothness_curve(
    classifier: Classifier,
    progress: Progress,
    *,
    dataset: str,
    split: str = "validation",
    limit: int = 200,
    seed: int = 0,
) -> Any:
    from engine.analysis.examples import examples
    from engine.analysis.smoothness import against_epsilon

    table = examples(classifier, dataset, split, limit)
    return against_epsilon(classifier, table, seed=seed, progress=progress)


def _landscape(
    classifier: Classifier, progress: Progress, *, towards: tuple[int, str] | None = None, **values: Any
) -> Any:
    from engine.analysis.landscape import landscape

    return landscape(
        classifier, towards=None if towards is None else (towards[0], towards[1]), progress=progress, **values
    )


def _attribution(
    classifier: Classifier,
    progress: Progress,
    *,
    method: str,
    settings: dict[str, Any],
    text: str,
    text_pair: str | None = None,
    label: str | int | float | None = None,
    algorithm: str = "integrated gradients",
    seed: int = 0,
) -> Any:
    from engine.analysis.attribution import compare

    return compare(
        classifier, method_of(classifier, method, settings, seed), text, text_pair, label, algorithm, seed=seed
    )


def _map(
    classifier: Classifier,
    progress: Progress,
    *,
    dataset: str,
    split: str = "validation",
    limit: int = 200,
    **values: Any,
) -> pd.DataFrame:
    from engine.analysis.examples import examples
    from engine.analysis.projection import sentence_map

    return sentence_map(classifier, examples(classifier, dataset, split, limit), progress=progress, **values)


ANALYSES: dict[str, Callable[..., Any]] = {
    "trace": _trace,
    "side by side": _side_by_side,
    "flip": _flip,
    "examples": _examples,
    "smoothness": _smoothness,
    "smoothness curve": _smoothness_curve,
    "landscape": _landscape,
    "attribution": _attribution,
    "map": _map,
}


def analyse(name: str, classifier: Classifier, progress: Progress = None, /, **values: Any) -> Any:
    """Run an analysis by its name.

    Args:
        name: one of `ANALYSES`. classifier: what is looked at. progress: is told (done, of) on long ones.
        values: its settings, plain values only (text, numbers, lists, dicts).

    Raises:
        UserError: unknown name, or what the analysis itself refuses.
    """
    known("analysis", name, list(ANALYSES))
    return ANALYSES[name](classifier, progress, **values)
