"""Cost against accuracy: the front by hand, and a study whose models are attacked one by one."""

import time

import pytest

from engine.analysis.pareto import front
from engine.catalogue import analyse
from engine.errors import UserError
from engine.runs.run import FINISHED
from engine.studies import studies, training
from engine.subjects.classifier import load_classifier


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([(3, 0.8), (9, 0.9), (9, 0.7), (12, 0.85)], [0, 1]),
        ([(9, 0.9), (3, 0.8)], [1, 0]),
        ([(3, 0.8), (3, 0.9), (6, 0.9)], [1]),
        ([(1, 0.5)], [0]),
    ],
)
def test_the_front_is_what_none_beats_in_both(points, best):
    assert front(points) == best
    for place, (cost, worth) in enumerate(points):  # By definition, pair by pair.
        beaten = any(c <= cost and w >= worth and (c, w) != (cost, worth) for c, w in points)
        assert (place in best) == (not beaten)


def test_every_model_of_a_study_is_attacked(encoder, sentences):
    document = {
        "name": "costs", "methods": ["vanilla", "freelb"], "datasets": [str(sentences)], "models": [str(encoder)],
        "seeds": [0, 1], "run": {"batch_size": 16, "max_length": 32, "learning_rate": 1e-3}, "budget": 60,
    }  # fmt: skip
    with pytest.raises(UserError, match="No run of this study"):
        analyse("pareto", None, definition=document)
    wanted = studies.cells(studies.study_from(document))
    for _ in range(600):
        runs = training.advance(wanted)
        if all(cell.key in runs and runs[cell.key].status in FINISHED for cell in wanted):
            break
        time.sleep(0.2)
    how = {"epsilon": 0.3, "steps": 4, "limit": 20}
    found = analyse("pareto", None, definition=document, attack="pgd", **how)
    assert [(each.label, each.passes) for each in found.points] == [
        ("vanilla", 60.0),
        ("freelb", 54.0),
    ]  # 20 × 3, 6 × 9.
    for each in found.points:
        assert set(each.clean) == set(each.robust) == {0, 1}
        for seed in (0, 1):
            run = next(runs[cell.key] for cell in wanted if (cell.label, cell.seed) == (each.label, seed))
            alone = analyse(
                "robust accuracy", load_classifier(run=run.id), dataset=str(sentences), limit=20, epsilons=[0.3], steps=4,
                restarts=1,
            )  # fmt: skip
            assert each.robust[seed] == alone.curve[0].longer
            assert each.clean[seed] == run.metrics["accuracy"]
    one = analyse("pareto", None, definition=document, attack="pgd", **how, runs=[runs[wanted[0].key].id])
    assert [(each.label, set(each.robust)) for each in one.points] == [("vanilla", {0})]
