"""What a run may be asked to do."""

import pytest

from engine.errors import UserError
from engine.runs.config import TrainConfig


def test_pairs_go_to_the_method_first_then_to_the_run():
    config = TrainConfig.build({"method": "freelb"}, {"epsilon": "none", "ascent_steps": "2", "batch_size": "8"})
    assert config.method_settings["epsilon"] is None
    assert config.method_settings["ascent_steps"] == 2
    assert config.batch_size == 8
    assert TrainConfig.build(config.as_dict()) == config


@pytest.mark.parametrize(
    "values, pairs, words",
    [
        ({"method": "fgsm"}, {}, "Unknown method"),
        ({"max_steps": 0}, {}, "max_steps must be a whole number from 1"),
        ({"max_steps": "ten"}, {}, "max_steps"),
        ({"method": "pgd"}, {"epsilon": "-1"}, "epsilon must be a number from 0 to 1000000"),
        ({"method": "vanilla"}, {"epsilon": "1"}, "Unknown setting 'epsilon'"),
        ({"seed": -1}, {}, "seed"),
        ({}, {"learning_rate": "nan"}, "learning_rate"),
        ({}, {"precision": "fp8"}, "precision"),
        ({"name": "x" * 200}, {}, "name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(values, pairs, words):
    with pytest.raises(UserError, match=words) as problem:
        TrainConfig.build(values, pairs)
    assert "\n" not in str(problem.value)
