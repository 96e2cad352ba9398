"""Several people at once on Perturb and Runs while runs train."""

import pytest

from benchmarks.load import high, measure

pytestmark = pytest.mark.browser


@pytest.mark.alone
@pytest.mark.long(short=0.1, full=30)
def test_people_look_while_runs_train(amount, tmp_path, encoder, sentences, monkeypatch):
    monkeypatch.setenv("DELTABOOK_PARALLEL", "1")  # Put back afterwards: `measure` sets it.
    short = amount < 1
    found = measure(
        tmp_path / "home", sessions=3 if short else 20, minutes=amount, trainings=1 if short else 2, rest=1 if short else 15,
        dataset=str(sentences), model=str(encoder),
    )  # fmt: skip
    assert found.errors == []
    assert found.alive and min(found.steps) > 1
    assert len(found.traces) >= 3 and high(found.traces) < (10 if short else 5)
    assert short or found.growth < 0.03
