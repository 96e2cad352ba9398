"""Makes engine/computing/typical.json: how long every analysis takes at its default settings, for the estimates on pages.

    python benchmarks/waits.py [--only NAME …] [--products]

The built-in classifier on this machine, each analysis once, at a size that takes seconds; what it takes at its defaults is reckoned
in proportion to the work. Those of one sentence run with a short and a long one, for what does not grow with the text. A machine
that has run an analysis itself goes by its own times. With --products nothing is written: each runs with MKL's products and with those of a
training, in turn (see engine/process.py).
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.process import wait_politely

wait_politely()

from engine.catalogue import analyse, analysis_of, load
from engine.computing.estimates import TYPICAL, overhead_words, reckoned, typical
from engine.model_names import folder_of
from engine.subjects.classifier import ready_made

TEXT = "the film is a little slow at first, but the acting is wonderful"
LONGER = 8  # Times that text.
ASKED: dict[str, dict[str, Any]] = {
    "audit": {"limit": 10, "steps": 10}, "calibration": {"limit": 200}, "certify": {"text": TEXT},
    "detect": {"text": TEXT}, "examples": {"limit": 50}, "erasure": {"text": TEXT}, "faithfulness": {"text": TEXT, "settings": {}},
    "flip": {"text": TEXT}, "intervals": {"limit": 200}, "judge": {"text": TEXT, "yours": TEXT}, "landscape": {"text": TEXT},
    "layers": {"text": TEXT, "settings": {}}, "map": {"limit": 100}, "masking": {"text": TEXT}, "masking statistics": {"dataset": "movie-sentiment"},
    "protocol": {"limit": 4}, "robust accuracy": {"limit": 40}, "sandwich": {"limit": 4},
    "side by side": {"text": TEXT}, "slices": {"limit": 200}, "smoothness": {"limit": 50, "settings": {}}, "smoothness curve": {"limit": 50},
    "smoothness variants": {"limit": 50, "settings": {}}, "trace": {"text": TEXT, "settings": {}}, "attribution": {"text": TEXT, "settings": {}},
    "transfer": {"limit": 5, "models": ["minilm", ""]}, "variants": {"text": TEXT, "settings": {}, "others": [TEXT]},
    "word attack": {"limit": 10}, "word sandwich": {"limit": 4},
}  # fmt: skip


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(ASKED), default=list(ASKED))
    parser.add_argument("--products", action="store_true", help="only compare the two ways to multiply")
    options = parser.parse_args()
    subjects = {kind: load(name) for kind, name in (("classifier", "trace"), ("pair", "detect"))}
    ASKED["transfer"]["models"][1] = str(ready_made("minilm", folder_of("minilm"))[0])  # The same one by another name.
    for name in options.only:
        values, analysis = ASKED[name], analysis_of(name)
        subject = subjects.get(analysis.kind)
        if options.products:
            print(name, *both_products(name, subject, values), flush=True)
            continue
        seconds, overhead = took(name, subject, values), 0.0
        if "text" in values:
            seconds = took(name, subject, values)  # The first time bore what is loaded once.
            long = took(name, subject, values | {"text": " ".join([TEXT] * LONGER)})
            words = len(TEXT.split())
            overhead = overhead_words((words, seconds), (LONGER * words, long))
        of_typical(name, overhead_words=overhead)
        seconds = reckoned(analysis, values, seconds)
        print(name, of_typical(name, seconds=seconds), "at the defaults", flush=True)


def took(name: str, subject: Any, values: dict[str, Any]) -> float:
    """The seconds of an analysis."""
    began = time.perf_counter()
    analyse(name, subject, None, **values)
    return time.perf_counter() - began


def both_products(name: str, subject: Any, values: dict[str, Any], rounds: int = 3) -> list[str]:
    """How long an analysis takes with either products, in seconds: medians, in turn."""
    analysis = analysis_of(name)
    asked = analysis.Settings.checked(values)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for many, found in seconds.items():
            began = time.perf_counter()
            replace(analysis, many=many).run(subject, asked)
            found.append(time.perf_counter() - began)
    return [f"{'oneDNN' if many else 'MKL'} {statistics.median(found):.2f}" for many, found in seconds.items()]


def of_typical(name: str, **figures: float) -> dict[str, float]:
    """Write an analysis's figures into the file, rounded."""
    found = json.loads(TYPICAL.read_text())
    found[name] = found.get(name, {}) | {key: float(f"{value:.2g}") for key, value in figures.items()}
    TYPICAL.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")
    typical.cache_clear()
    return found[name]


if __name__ == "__main__":
    main()
