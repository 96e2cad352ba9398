"""The expected time of a run, against the ratio of the work."""

import pytest

from engine.runs.config import TrainConfig
from engine.runs.estimates import Times
from engine.runs.store import Store


def ended(seconds, step=50, status="completed", **settings):
    run = Store().create(TrainConfig.build({"max_steps": 50, **settings}).as_dict(), status=status)
    Store().update(run.id, seconds=seconds, step=step)
    return Store().get(run.id)


def wanted(**settings):
    return TrainConfig.build({"max_steps": 50, **settings}).as_dict()


def test_time_goes_with_steps_sentences_and_passes():
    runs = [ended(10.0, method="vanilla", batch_size=8)]  # 0.2 s per step of 8 sentences.
    expected = Times(runs).expected
    assert expected(wanted(method="vanilla", batch_size=8)) == pytest.approx(10.0)
    assert expected(wanted(method="vanilla", batch_size=16, max_steps=100)) == pytest.approx(40.0)
    assert expected(wanted(method="vanilla", batch_size=8, gradient_accumulation=3)) == pytest.approx(30.0)
    freelb = wanted(method="freelb", batch_size=8, method_settings={"ascent_steps": 4})
    assert expected(freelb) == pytest.approx(40.0)  # K forward and backward passes in the place of one.


def test_only_runs_that_tell_something_count_and_the_newest_ones():
    runs = [
        ended(1.0, step=5, batch_size=8),
        ended(1.0, status="failed", batch_size=8),
        ended(1.0, batch_size=8, max_length=32),
        ended(1.0, batch_size=8, method="electra"),
    ]
    assert Times(runs).expected(wanted(batch_size=8)) is None
    slow, fast = [ended(20.0, batch_size=8, method="vanilla")] * 20, [ended(1.0, batch_size=8, method="vanilla")] * 50
    assert Times([*slow, *fast]).expected(wanted(batch_size=8, method="vanilla")) == pytest.approx(20.0)
    assert Times(slow).expected(wanted(batch_size=8, method="electra")) is None
    assert Times(slow).expected(wanted(batch_size=8, method="vanilla", max_steps=None)) is None
