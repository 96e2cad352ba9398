"""The published settings: what the launch scripts say, and that they can be chosen."""

import json

import pytest

from engine.cli import main
from engine.errors import UserError
from engine.methods import METHODS, get_method
from engine.runs.config import TrainConfig

# github.com/zhuchen03/FreeLB, fairseq-RoBERTa/launch: lr, --adv-steps, --adv-lr, --rand-init-mag, --max-norm.
SCRIPTS = {
    "freelb": {
        "CoLA": (1e-5, 3, 2.5e-2, 4e-1, 3e-1), "MNLI": (1e-5, 2, 1e-1, 1e-1, 3e-1), "MRPC": (5e-6, 3, 4e-2, 0.64, 4e-1),
        "QNLI": (1e-5, 2, 1e-1, 2e-1, 2e-1), "QQP": (1e-5, 2, 2e-1, 3.2e-1, 7e-1), "SST-2": (1e-5, 2, 1e-1, 1, 6e-1),
        "STS-B": (2e-5, 3, 1e-1, 1.6e-1, 2.8e-1),
    },
    "freeat": {
        "CoLA": (1e-5, 3, 5e-2, 4e-1, 2e-1), "MNLI": (1e-5, 2, 1e-1, 1e-2, 2e-1), "MRPC": (5e-6, 3, 4e-2, 0.64, 4e-1),
        "QNLI": (1e-5, 2, 1e-1, 1.5e-1, 1.5e-1), "QQP": (1e-5, 2, 1.5e-1, 3.2e-1, 6.2e-1),
        "SST-2": (1e-5, 2, 1e-1, 1, 6e-1), "STS-B": (2e-5, 3, 1e-1, 1.6e-1, 2.8e-1),
    },
    "pgd": {
        "CoLA": (1e-5, 3, 5e-2, 4e-1, 2e-1), "MNLI": (1e-5, 2, 1e-1, 2e-1, 2e-1), "MRPC": (5e-6, 3, 4e-2, 0.64, 4e-1),
        "QQP": (1e-5, 2, 1.5e-1, 3.2e-1, 6.2e-1), "SST-2": (1e-5, 2, 1e-1, 1, 6e-1),
        "STS-B": (2e-5, 3, 1e-1, 1.6e-1, 2.8e-1),
    },
}  # fmt: skip
# How many steps of ours n of theirs are: FreeLB passes n + 1 times, PGD ascends n times, FreeAT replays n times.
MORE = {"freelb": 1, "freeat": 0, "pgd": 0}


@pytest.mark.parametrize("name", SCRIPTS)
def test_they_are_the_launch_scripts(name):
    presets = get_method(name).presets
    assert {task.removeprefix("RoBERTa-large ") for task in presets if task.startswith("RoBERTa")} == set(SCRIPTS[name])
    for task, (rate, steps, size, start, bound) in SCRIPTS[name].items():
        own, run = get_method(name).preset(f"RoBERTa-large {task}")
        found = get_method(name).Settings.parse(own)
        assert (found.ascent_steps, found.step_size) == (steps + MORE[name], size)
        assert (found.start_magnitude, found.epsilon, found.project_start) == (start, bound, False)
        assert run == {"learning_rate": rate}
        assert name != "freeat" or found.random_restart


def test_only_qqp_projects_on_albert():
    presets = get_method("freelb").presets
    bounds = {name: values["epsilon"] for name, values in presets.items() if name.startswith("ALBERT")}
    assert {name for name, bound in bounds.items() if bound is not None} == {"ALBERT-xxlarge QQP"}
    assert len(bounds) == 8


def test_every_preset_is_valid_and_what_is_given_comes_before_it():
    for method in METHODS.all():
        for name in method.presets:
            config = TrainConfig.build({"method": method.name}, {}, name)
            assert config.method_settings["epsilon"] == method.presets[name]["epsilon"]
            if method.preset_runs.get(name):
                assert config.learning_rate == method.preset_runs[name]["learning_rate"]
    config = TrainConfig.build({"method": "freelb", "batch_size": 7}, {"epsilon": "0.1"}, "ALBERT-xxlarge QQP")
    assert (config.batch_size, config.method_settings["epsilon"], config.method_settings["step_size"]) == (7, 0.1, 0.2)
    with pytest.raises(UserError, match=r"Unknown preset 'RoBERTa-large SST'\. Did you mean RoBERTa-large SST-2"):
        TrainConfig.build({"method": "freelb"}, {}, "RoBERTa-large SST")
    with pytest.raises(UserError, match="SMART has no presets"):
        TrainConfig.build({"method": "smart"}, {}, "x")


def test_a_trace_takes_one(small, capsys):
    arguments = ["trace", "--text", "a dull film", "--model", str(small), "--method", "freelb", "--json"]
    assert main([*arguments, "--preset", "RoBERTa-large SST-2"]) == 0
    assert json.loads(capsys.readouterr().out)["epsilon"] == 0.6
    assert main([*arguments, "--preset", "RoBERTa-large SST-2", "--set", "epsilon=0.2"]) == 0
    assert json.loads(capsys.readouterr().out)["epsilon"] == 0.2
    assert main([*arguments, "--preset", "nope"]) == 2
    assert "Unknown preset" in capsys.readouterr().err
