"""How a run stands, in words."""

import pytest
from streamlit.testing.v1 import AppTest

from app.panels.live import duration, status_line
from engine.runs.config import TrainConfig
from engine.runs.store import Store


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59.4, "59 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")])
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_a_run_that_trains_says_speed_time_left_and_memory():
    run = Store().create(TrainConfig.build({"max_steps": 100}).as_dict())
    Store().update(run.id, status="running", step=40)
    curves = {"steps_per_second": [(30, 1.0), (40, 3.0)], "memory_mb": [(30, 900.0), (40, 2048.0)]}
    words = status_line(Store().get(run.id), curves)
    assert words == "running · step 40 of 100 · 2.00 steps/s · about 30 s left · 2.0 GB of memory"


def test_a_run_out_of_memory_offers_half_the_batch(monkeypatch):
    run = Store().create(TrainConfig.build({"max_steps": 100}).as_dict())
    Store().update(run.id, status="failed", message=f"No memory: `python -m engine resume {run.id} --halve-batch`.")
    asked = []
    monkeypatch.setattr("engine.runs.queue.resume", lambda reference, **options: asked.append((reference, options)))

    def card():
        import streamlit as st

        from app.panels.live import run_card
        from engine.runs.store import Store

        with st.container():
            run_card(Store().all()[0], "k")

    test = AppTest.from_function(card).run()
    (button,) = [each for each in test.button if each.label == "Halve the batch"]
    assert [each.label for each in test.button] == ["Resume", "Halve the batch"]
    button.click().run()
    assert asked == [(run.id, {"halve_batch": True})]
