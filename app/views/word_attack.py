"""Attacks with real words."""

from collections.abc import Mapping

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Strip, Strips, Table
from app.views import VIEWS, Views
from engine.analysis.word_attack import WordAttack
from engine.robustness.text import Limits, split
from engine.statistics import binomial_interval

view = VIEWS.add(
    Views(
        "word attack",
        "compare",
        part="Word attacks",
        several_models=True,
        names={name: f"limits-{name}" for name in Limits.names()},
    )
)


@view("summary", "Accuracy before and after the attack", several=True)
def attacked(found: Mapping[str, WordAttack]) -> Figure:
    """Bars side by side, one pair per model, with exact 95 % intervals for so many examples."""
    names = {name or "model": each.summary for name, each in found.items()}
    groups = {
        "before": {name: each["accuracy"] for name, each in names.items()},
        "after the attack": {name: each["after_attack"] for name, each in names.items()},
    }
    made = figures.bars(groups, "model", "accuracy")
    for bar, values in zip(made.data, groups.values(), strict=True):
        ends = [
            binomial_interval(round((value or 0.0) * len(each.examples)), len(each.examples))
            for value, each in zip(values.values(), found.values(), strict=True)
        ]
        bar.error_y = {
            "type": "data", "symmetric": False, "thickness": 1.5,
            "array": [high - value for value, (_, high) in zip(values.values(), ends, strict=True)],
            "arrayminus": [value - low for value, (low, _) in zip(values.values(), ends, strict=True)],
        }  # fmt: skip
    made.update_yaxes(range=[0, 1.02])
    return Figure(made)


@view("table", "What the attack took", several=True)
def summary_table(found: Mapping[str, WordAttack]) -> Table:
    """The summaries of several models, one row each."""
    return Table(pd.DataFrame([{"model": name or "model", **each.summary} for name, each in found.items()]))


@view("examples", "The attacked examples")
def examples(found: WordAttack) -> Table:
    """One row per example, the successful ones first."""
    rows = [
        {
            "outcome": "fooled" if each.success else "holds" if each.said == each.label else "wrong before",
            "text": each.before,
            "changed": ", ".join(f"{old} → {new}" for _, old, new in each.changes),
            "P(label) before": each.probability,
            "P(label) after": each.probability_after,
            "similarity": each.similarity,
            "queries": each.queries,
        }
        for each in found.examples
    ]
    return Table(pd.DataFrame(rows))


@view("diff", "One attacked example, word by word")
def diff(found: WordAttack, *, place: int = 0) -> Strips:
    """Before and after; the changed words are dark."""
    one = found.examples[max(0, min(place, len(found.examples) - 1))]
    changed = {at: (old, new) for at, old, new in one.changes}
    strips = []
    for heading, text, chance, said in (
        ("Before", one.before, one.probability, one.said),
        ("After", one.after, one.probability_after, one.said_after),
    ):
        words = split(text)[0]
        tips = [" → ".join(changed[at]) if at in changed else word for at, word in enumerate(words)]
        title = f"{heading}: says {found.labels[said]}; P({found.labels[one.label]}) = {chance:.1%}"
        strips.append(Strip(words, [float(at in changed) for at in range(len(words))], tips, heading=title))
    return Strips(strips, 1.0, "")
