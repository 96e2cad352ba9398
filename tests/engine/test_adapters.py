"""LoRA: only the adapter and the head learn, and what is saved is the model that was trained."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from engine.adapters import with_lora
from engine.cli import main
from engine.data.tasks import Task
from engine.errors import UserError
from engine.methods import METHODS, get_method
from engine.models import load_model
from engine.runs.build import build
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store
from tests import tiny
from tests.engine.test_trainer import StopAt, losses

TASK = Task("t", "classification", ("0", "1"))


@pytest.mark.parametrize("name", METHODS.names())
def test_only_the_adapter_and_the_head_learn(name):
    model = tiny.model()
    plain = copy.deepcopy(model)
    adapted = with_lora(model, 4)
    optimizer = torch.optim.SGD([each for each in adapted.parameters() if each.requires_grad], lr=0.5)
    get_method(name)(tokenizer=tiny.TOKENIZER).step(adapted, tiny.batch())
    optimizer.step()
    learnt = {key for key, each in adapted.named_parameters() if each.grad is not None and each.grad.abs().max() > 0}
    assert learnt and all("lora_" in key or "classifier" in key for key in learnt)
    for key, before in plain.state_dict().items():
        if not key.startswith("classifier"):
            after = adapted.state_dict()
            match = next(each for each in after if each.replace(".base_layer", "").endswith(key))
            assert torch.equal(after[match], before), key


def test_a_new_adapter_changes_nothing_yet():
    model, batch = tiny.model(dtype=torch.float64), tiny.batch()
    expected = model.eval()(**batch).logits
    torch.testing.assert_close(with_lora(model, 2).eval()(**batch).logits, expected)


@pytest.fixture
def run(encoder, sentences):
    values = {"method": "freelb", "dataset": str(sentences), "model": str(encoder), "max_steps": 6}
    settings = {"batch_size": "8", "lora": "4", "learning_rate": "1e-2", "gradient_checkpointing": "true"}
    config = TrainConfig.build(values, {**settings, "evaluations": "1", "checkpoints": "2"})
    return execute(Store().create(config.as_dict(), status="starting").id)


def test_a_run_is_saved_whole_and_as_an_adapter(run, encoder):
    from peft import PeftModel

    assert run.status == "completed"
    whole = AutoModelForSequenceClassification.from_pretrained(run.model_folder).eval()
    base = load_model(str(encoder), TASK).model
    adapter = PeftModel.from_pretrained(base, run.model_folder / "adapter").eval()
    inputs = {name: each for name, each in tiny.batch(vocabulary=30).items() if name != "labels"}
    torch.testing.assert_close(whole(**inputs).logits, adapter(**inputs).logits, atol=1e-5, rtol=1e-4)
    before, after = load_file(encoder / "model.safetensors"), load_file(run.model_folder / "model.safetensors")
    same = [key for key in before if torch.equal(before[key], after.get(f"bert.{key}", before[key][:0]))]
    assert any("embeddings" in key for key in same) and not any("query.weight" in key for key in same)
    small = sum(each.numel() for each in load_file(run.model_folder / "adapter" / "adapter_model.safetensors").values())
    assert small < sum(each.numel() for each in after.values()) / 2


def test_a_stopped_run_goes_on_as_if_never_stopped(encoder, sentences, tmp_path):
    values = {"method": "textat", "dataset": str(sentences), "model": str(encoder), "max_steps": 6}
    config = TrainConfig.build(values, {"batch_size": "8", "lora": "4", "learning_rate": "1e-2", "checkpoints": "1"})

    def trainer(folder):
        return build(config, tmp_path / folder).trainer

    whole, first = trainer("whole"), trainer("halves")
    whole.train()
    first.add_callback(StopAt(4))
    first.train()
    second = trainer("halves")
    second.train(resume_from_checkpoint=True)
    assert second.state.global_step == 6 and losses(second) == losses(whole)
    expected, found = whole.model.state_dict(), second.model.state_dict()
    assert any("lora_B" in key for key in expected)
    assert all(torch.equal(tensor, found[key]) for key, tensor in expected.items())


def test_it_is_looked_at_like_any_other(run, capsys):
    assert main(["trace", "--run", run.id, "--text", "a dull film", "--steps", "2", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["loss"]) == 3


@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_every_architecture_has_places_for_adapters(architecture):
    model = tiny.model(architecture)
    batch = tiny.batch(pad=model.config.pad_token_id or 0, ended=architecture in tiny.ENDED)
    adapted = with_lora(model, 2)
    get_method("freelb")().step(adapted, batch)
    learnt = [name for name, each in adapted.named_parameters() if each.grad is not None]
    assert any("lora_B" in name for name in learnt) and any("modules_to_save" in name for name in learnt)


def test_a_model_without_linear_layers_is_refused():
    class Bare(torch.nn.Module):
        base_model_prefix = "body"

        def __init__(self):
            super().__init__()
            self.config = tiny.CONFIGS["funnel"]()
            self.body = torch.nn.Embedding(4, 4)

    with pytest.raises(UserError, match=r"^lora: funnel models cannot have adapters"):
        with_lora(Bare(), 4)


def test_pretraining_has_no_adapters(encoder, sentences, capsys):
    assert (
        main(["train", "--method", "electra", "--dataset", str(sentences), "--model", str(encoder), "--set", "lora=4"])
        == 2
    )
    assert "of fine-tuning" in capsys.readouterr().err
