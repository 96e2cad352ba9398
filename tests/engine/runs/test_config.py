"""What a run may be asked to do."""

import pytest

from engine.errors import UserError
from engine.runs.build import build, check
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


def test_a_limit_of_training_examples_is_a_sample_by_the_seed(encoder, sentences, tmp_path):
    """The same rows for every method, others for another seed, all of them without a limit; validation stays whole."""

    def rows(method, seed, **more):
        values = {
            "method": method,
            "dataset": str(sentences),
            "model": str(encoder),
            "seed": seed,
            "max_steps": 1,
            **more,
        }
        job = build(TrainConfig.build(values), tmp_path)
        return job, [tuple(ids) for ids in job.trainer.train_dataset["input_ids"]]

    whole, every = rows("vanilla", 0)
    job, found = rows("vanilla", 0, train_limit=30)
    assert len(found) == job.sentences == 30 < whole.sentences == len(every)
    assert set(found) < set(every) and len(set(found)) == 30
    assert rows("freelb", 0, train_limit=30)[1] == found
    assert set(rows("vanilla", 1, train_limit=30)[1]) != set(found)
    assert rows("vanilla", 0, train_limit=10**6)[1] == every
    assert len(job.trainer.eval_dataset) == len(whole.trainer.eval_dataset)
    values = {"method": "vanilla", "dataset": str(sentences), "model": str(encoder), "train_limit": 30}
    assert any("Trained on 30 of them" in said for said in check(TrainConfig.build(values)))
    with pytest.raises(UserError, match="train_limit are of fine-tuning"):
        check(TrainConfig.build({**values, "method": "macbert"}))
    with pytest.raises(UserError, match="train_limit must be"):
        TrainConfig.build({**values, "train_limit": 1})
