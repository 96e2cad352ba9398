"""The analyses of a classifier with plain values: text, names, numbers and dicts of settings."""

from typing import Any

import pandas as pd

from engine.analysis.classifier import Classifier
from engine.analysis.subjects import Progress
from engine.errors import UserError


def method_of(classifier: Classifier, method: str, settings: dict[str, Any], seed: int) -> Any:
    """A method by name and settings, with the classifier's special tokens."""
    from engine.methods import get_method

    made = get_method(method)
    return made(made.Settings.parse(settings), special_token_ids=classifier.tokenizer.all_special_ids, seed=seed)


def trace(
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
    """See `trace.trace`; the method by name and settings."""
    from engine.analysis.trace import trace

    return trace(classifier, method_of(classifier, method, settings, seed), text, text_pair, label, steps, seed)


def side_by_side(
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


def flip(
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


def examples(
    classifier: Classifier, progress: Progress, *, dataset: str, split: str = "validation", limit: int = 200
) -> pd.DataFrame:
    """See `examples.example_table`, of a split or a sample of it; labels and predictions of classes by their names."""
    from engine.analysis.examples import example_table, examples

    table = example_table(classifier, examples(classifier, dataset, split, limit), progress)
    return _with_names(classifier, table, "label", "prediction")


def smoothness(
    classifier: Classifier,
    progress: Progress,
    *,
    dataset: str,
    split: str = "validation",
    limit: int = 200,
    settings: dict[str, Any] | None = None,
    seed: int = 0,
) -> Any:
    """See `smoothness.smoothness`, of a split or a sample of it; settings are SMART's."""
    from engine.analysis.examples import examples
    from engine.analysis.smoothness import smoothness
    from engine.methods.smart import SMART

    method = SMART(SMART.Settings.parse(settings or {}))
    table = examples(classifier, dataset, split, limit)
    return smoothness(classifier, table, method, seed=seed, progress=progress)


def smoothness_curve(
    classifier: Classifier,
    progress: Progress,
    *,
    dataset: str,
    split: str = "validation",
    limit: int = 200,
    seed: int = 0,
) -> Any:
    """See `smoothness.against_epsilon`, of a split or a sample of it."""
    from engine.analysis.examples import examples
    from engine.analysis.smoothness import against_epsilon

    table = examples(classifier, dataset, split, limit)
    return against_epsilon(classifier, table, seed=seed, progress=progress)


def landscape(
    classifier: Classifier, progress: Progress, *, towards: tuple[int, str] | None = None, **values: Any
) -> Any:
    """See `landscape.landscape`."""
    from engine.analysis.landscape import landscape

    return landscape(
        classifier, towards=None if towards is None else (towards[0], towards[1]), progress=progress, **values
    )


def attribution(
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
    """See `attribution.compare`; the method by name and settings."""
    from engine.analysis.attribution import compare

    return compare(
        classifier, method_of(classifier, method, settings, seed), text, text_pair, label, algorithm, seed=seed
    )


def labelled_map(
    classifier: Classifier,
    progress: Progress,
    *,
    dataset: str,
    split: str = "validation",
    limit: int = 200,
    **values: Any,
) -> pd.DataFrame:
    """See `projection.sentence_map`; labels and predictions of classes by their names."""
    from engine.analysis.examples import examples
    from engine.analysis.projection import sentence_map

    table = sentence_map(classifier, examples(classifier, dataset, split, limit), progress=progress, **values)
    return _with_names(classifier, table, "label", "prediction", "perturbed_prediction")


def _with_names(classifier: Classifier, table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table with the names of classes in place of their numbers."""
    if not classifier.is_regression:
        for column in columns:
            table[column] = table[column].map(dict(enumerate(classifier.labels)))
    return table


def robust_accuracy(
    classifier: Classifier,
    progress: Progress,
    *,
    dataset: str,
    split: str = "validation",
    limit: int = 200,
    **values: Any,
) -> Any:
    """See `robustness.curve.robust_accuracy`, of a split or a sample of it."""
    from engine.analysis.examples import examples
    from engine.robustness.curve import robust_accuracy

    return robust_accuracy(classifier, examples(classifier, dataset, split, limit), progress=progress, **values)


def calibration(
    classifier: Classifier, progress: Progress, *, dataset: str, split: str = "validation", limit: int = 200
) -> Any:
    """See `robustness.calibration.calibration`, of a split or a sample of it."""
    from engine.analysis.examples import examples
    from engine.robustness.calibration import calibration

    return calibration(classifier, examples(classifier, dataset, split, limit), progress)


def word_attack(
    classifier: Classifier,
    progress: Progress,
    *,
    dataset: str,
    split: str = "validation",
    limit: int = 50,
    search: str = "greedy",
    similar: str = "",
    seed: int = 0,
    **limits: Any,
) -> dict[str, Any]:
    """See `robustness.words.attack_table`: `examples` (those fooled first), `summary`, and the `labels`' names.

    Args:
        similar: en, zh or a word2vec file; "": by the language of the texts.
    """
    from engine.analysis.examples import examples
    from engine.objectives.similar import language_of, similar_words
    from engine.robustness.text import Limits, similar_candidates
    from engine.robustness.words import attack_table, summary

    table = examples(classifier, dataset, split, limit)
    allowed = Limits.parse(limits)
    source = similar_words(similar or language_of(" ".join(table["text"].head(100))))
    found = attack_table(
        classifier,
        table["text"].tolist(),
        table["label"].tolist(),
        similar_candidates(source, allowed.candidates),
        pairs=table["text_pair"].tolist() if "text_pair" in table else None,
        search=search,
        limits=allowed,
        seed=seed,
        progress=progress,
    )
    found = sorted(found, key=lambda each: (not each.success, each.said != each.label))
    return {"examples": found, "summary": summary(found), "labels": list(classifier.labels)}
