"""All analyses by name: each takes a subject and plain values, so that it can be kept, linked to and run again."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.analysis import of_classifiers
from engine.analysis.subjects import Progress, load_subject
from engine.errors import UserError, known


def _detect(pair: Any, progress: Progress, **values: Any) -> Any:
    from engine.analysis.detection import detect

    return detect(pair, **values)


def _judge(pair: Any, progress: Progress, *, text: str, yours: str) -> Any:
    """The discriminator on a text and on a changed one: (tokens, P(replaced)) of each."""
    from engine.analysis.detection import judge_text

    return judge_text(pair, text), judge_text(pair, yours)


def _masking(nothing: None, progress: Progress, *, settings: dict[str, Any], **values: Any) -> Any:
    """One text under every masking strategy."""
    from engine.analysis.masked_text import mask_text
    from engine.objectives.masking import STRATEGIES

    return {
        strategy: mask_text(settings={**settings, "strategy": strategy}, progress=progress, **values)
        for strategy in STRATEGIES
    }


def _masking_statistics(nothing: None, progress: Progress, **values: Any) -> Any:
    from engine.analysis.masked_text import corpus_statistics

    return corpus_statistics(progress=progress, **values)


def _of_runs(name: str) -> Callable[..., Any]:
    def analysis(run: Any, progress: Progress, **values: Any) -> Any:
        from engine.analysis import of_runs

        return getattr(of_runs, name)(run, progress, **values)

    return analysis


@dataclass(frozen=True)
class Analysis:
    """A function of a subject, a progress report and plain values; `needs`: which kind of subject."""

    run: Callable[..., Any]
    needs: str = "classifier"


ANALYSES: dict[str, Analysis] = {
    "trace": Analysis(of_classifiers.trace),
    "side by side": Analysis(of_classifiers.side_by_side),
    "flip": Analysis(of_classifiers.flip),
    "examples": Analysis(of_classifiers.examples),
    "smoothness": Analysis(of_classifiers.smoothness),
    "smoothness curve": Analysis(of_classifiers.smoothness_curve),
    "landscape": Analysis(of_classifiers.landscape),
    "attribution": Analysis(of_classifiers.attribution),
    "map": Analysis(of_classifiers.labelled_map),
    "robust accuracy": Analysis(of_classifiers.robust_accuracy),
    "calibration": Analysis(of_classifiers.calibration),
    "word attack": Analysis(of_classifiers.word_attack),
    "detect": Analysis(_detect, "pair"),
    "judge": Analysis(_judge, "pair"),
    "masking": Analysis(_masking, "nothing"),
    "masking statistics": Analysis(_masking_statistics, "nothing"),
    "table": Analysis(_of_runs("table"), "run"),
    "token": Analysis(_of_runs("token"), "run"),
    "table map": Analysis(_of_runs("table_map"), "run"),
    "curves": Analysis(_of_runs("curves"), "nothing"),
    "study": Analysis(_of_runs("study"), "nothing"),
    "published": Analysis(_of_runs("published"), "nothing"),
}


def analysis_of(name: str) -> Analysis:
    """An analysis by its name.

    Raises:
        UserError: there is none of that name.
    """
    return ANALYSES[known("analysis", name, list(ANALYSES))]


def load(name: str, reference: str = "", progress: Progress = None) -> Any:
    """The subject of an analysis by its reference (see `subjects.load_subject`)."""
    return load_subject(analysis_of(name).needs, reference, progress)


def analyse(name: str, subject: Any = None, progress: Progress = None, /, **values: Any) -> Any:
    """Run an analysis by its name.

    Args:
        name: one of `ANALYSES`. subject: what is looked at, as `load` gives it. progress: is told (done, of) on long
            ones. values: its settings, plain values only (text, numbers, lists, dicts).

    Raises:
        UserError: unknown name or setting, or what the analysis itself refuses.
    """
    found = analysis_of(name)
    try:
        inspect.signature(found.run).bind(subject, progress, **values)
    except TypeError as problem:
        raise UserError(f"{name}: {problem}.") from None
    return found.run(subject, progress, **values)
