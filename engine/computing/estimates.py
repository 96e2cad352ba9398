"""How long an analysis is expected to take: from the last times on this machine, before them from another machine's."""

import json
import os
from collections.abc import Mapping
from functools import cache
from math import log, prod
from pathlib import Path
from typing import Any

from engine.analysis import Analysis
from engine.errors import UserError
from engine.home import home
from engine.paths import whole

LONG = 2.0  # Seconds from which an analysis goes to the process of what takes long.
ASK = 5.0  # Seconds from which a person is asked first.
FILE = "waits.json"
FAR = 16.0
MOST = 300  # Kinds of questions whose times are remembered, the last ones.
SIZE = 22_713_216  # Parameters of the built-in encoder, which `TYPICAL` was measured with.
# Of every analysis, at default settings, its seconds and, in words, the part of them that does not grow with the text (see
# benchmarks/waits.py).
TYPICAL = Path(__file__).with_name("typical.json")
# Settings that say how often something is done.
COUNTS = (
    "limit", "samples", "steps", "ascent_steps", "restarts", "points", "draws", "candidates", "queries_per_word", "epsilons", "models", "others",
)  # fmt: skip
# Settings that say how: the time depends on them in no way that could be computed.
KINDS = ("attack", "search", "kind", "algorithm", "method", "dataset", "schedule", "language_model", "space")


def _settings(analysis: Analysis, values: Mapping[str, Any]) -> dict[str, Any]:
    """All settings, defaults too; those of a method among them."""
    try:
        found = analysis.Settings.checked(values).as_dict()  # Text becomes the numbers that it stands for.
    except UserError:  # Said when it is run; or it has no defaults for all.
        found = {name: schema.get("default") for name, schema in analysis.Settings.schema().items()} | dict(values)
    return found | dict(found.get("settings") or {})


def _work(analysis: Analysis, values: Mapping[str, Any]) -> float:
    """How much is to be done, in no unit: what counts is the ratio of two."""
    numbers = [values.get(name) for name in COUNTS]
    counts = [len(each) if isinstance(each, list | tuple) else each for each in numbers]
    words = max(10, len(str(values.get("text") or "").split())) + typical(analysis.name)["overhead_words"]
    return words * prod(float(each) for each in counts if isinstance(each, int | float) and each > 0)


def _key(analysis: str, values: Mapping[str, Any], size: int) -> str:
    return json.dumps([analysis, size, {name: values[name] for name in KINDS if values.get(name)}], sort_keys=True)


def _known() -> dict[str, dict[str, list[float]]]:
    file = home() / FILE
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # There is none yet, or it was cut off: times are learnt again.
        return {}
    return found if isinstance(found, dict) else {}


@cache
def typical(analysis: str) -> dict[str, float]:
    """What stands of an analysis in `TYPICAL`; zeros where nothing does."""
    found: dict[str, float] = json.loads(TYPICAL.read_text(encoding="utf-8")).get(analysis, {})
    return {"seconds": 0.0, "overhead_words": 0.0} | found


def ask_above() -> float:
    """Seconds from which a person is asked first; `DELTABOOK_ASK_ABOVE` says otherwise."""
    given = os.environ.get("DELTABOOK_ASK_ABOVE", "")
    return float(given) if given.replace(".", "", 1).isdigit() else ASK


def estimate(analysis: Analysis, values: Mapping[str, Any], size: int = SIZE) -> float | None:
    """Seconds that an analysis is expected to take; None where nothing is known.

    From the last time that is most alike (the same method, attack and data, nearest in the amount of work), in proportion to the
    work; else from a model of another size, in proportion to the parameters; else, and where the work differs by more than `FAR`
    times, from `TYPICAL`: of a small piece of work most is what does not grow with it.

    Args:
        size: parameters of the model.
    """
    asked = _settings(analysis, values)
    work, own = _work(analysis, asked), _key(analysis.name, asked, size)
    known = _known()
    alike = [(size, pair) for pair in known.get(own, {}).values()]
    if not alike:
        named = [(json.loads(key), pairs) for key, pairs in known.items()]
        alike = [(key[1], pair) for key, pairs in named if key[0] == analysis.name for pair in pairs.values()]
    alike.sort(key=lambda each: abs(log(each[1][0] / work)) + abs(log(each[0] / size)))
    there = typical(analysis.name)["seconds"]
    if alike and (not there or 1 / FAR <= alike[0][1][0] / work <= FAR):
        other, (did, seconds) = alike[0]
        return seconds * work / did * size / other
    return there * work / _work(analysis, _settings(analysis, {})) * size / SIZE if there else None


def reckoned(analysis: Analysis, values: Mapping[str, Any], seconds: float) -> float:
    """What an analysis takes at its default settings if it takes so many seconds with these."""
    return seconds * _work(analysis, _settings(analysis, {})) / _work(analysis, _settings(analysis, values))


def overhead_words(short: tuple[int, float], long: tuple[int, float]) -> float:
    """The words that take as long as what does not grow with a text, from two texts: (words, seconds) of each."""
    slope = max(0.0, long[1] - short[1]) / (long[0] - short[0])
    return max(0.0, short[1] / slope - short[0]) if slope else 0.0


def learn(analysis: Analysis, values: Mapping[str, Any], seconds: float, size: int = SIZE) -> None:
    """Remember how long an analysis took here: the last time of every doubling of the work."""
    asked = _settings(analysis, values)
    work, known = _work(analysis, asked), _known()
    key = _key(analysis.name, asked, size)
    pairs = known.pop(key, {})
    known[key] = pairs | {str(round(log(work, 2))): [work, max(round(seconds, 3), 0.001)]}
    for old in list(known)[:-MOST]:
        del known[old]
    with whole(home() / FILE) as file:
        file.write_text(json.dumps(known), encoding="utf-8")
