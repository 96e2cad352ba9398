"""`AdversarialTrainer`: same seed same result, resume as if never stopped, accumulation, replays, a drop-in."""

import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback, TrainingArguments

from engine.data.encoding import collator, encode
from engine.data.files import load_file
from engine.errors import NonFiniteLoss
from engine.methods import METHODS, get_method
from engine.methods.freeat import FreeAT
from engine.methods.vanilla import Vanilla
from engine.models import load_model, load_tokenizer
from engine.trainer import AdversarialTrainer
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]


class StopAt(TrainerCallback):
    """Saves and stops after some optimiser steps, as a cancelled run does."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **_):
        control.should_training_stop = control.should_save = state.global_step >= self.step


def make(encoder, sentences, folder, method="freelb", seed=0, **arguments):
    data = load_file(sentences)
    loaded = load_model(str(encoder), data.task, seed)
    if isinstance(method, str):
        method = get_method(method)(seed=seed, tokenizer=loaded.tokenizer)
    options = {
        "max_steps": 6, "per_device_train_batch_size": 8, "learning_rate": 1e-3, "use_cpu": True, "report_to": [],
        "train_sampling_strategy": "group_by_length", "length_column_name": "length", "logging_steps": 1,
        "save_strategy": "no", "disable_tqdm": True, "dataloader_pin_memory": False, "seed": seed,
    } | arguments  # fmt: skip
    return AdversarialTrainer(
        loaded.model,
        TrainingArguments(output_dir=str(folder), **options),
        train_dataset=encode(data.splits["train"], loaded.tokenizer, data.task, 32),
        eval_dataset=encode(data.splits["validation"], loaded.tokenizer, data.task, 32),
        data_collator=collator(loaded.tokenizer),
        processing_class=loaded.tokenizer,
        method=method,
    )


def weights(trainer):
    return {name: tensor.detach().clone() for name, tensor in trainer.model.named_parameters()}


def losses(trainer):
    return [each["loss"] for each in trainer.state.log_history if "loss" in each]


@pytest.mark.parametrize("name", ["freelb", "freeat"])
def test_the_same_seed_gives_the_same_run(encoder, sentences, tmp_path, name):
    runs = [make(encoder, sentences, tmp_path / str(place), name, seed=3) for place in range(2)]
    for run in runs:
        run.train()
    assert losses(runs[0]) == losses(runs[1])
    first, second = map(weights, runs)
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = make(encoder, sentences, tmp_path / "other", name, seed=4)
    other.train()
    assert losses(other) != losses(runs[0])


@pytest.mark.parametrize("name", METHODS.names())
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_resumed_run_goes_on_as_if_never_stopped(encoder, sentences, tmp_path, name, accumulation):
    settings = {"bregman_weight": 1.0} if name == "smart" else {}
    arguments = {"gradient_accumulation_steps": accumulation, "max_steps": 8}
    tokenizer = load_tokenizer(str(encoder))

    def method():
        return get_method(name)(seed=0, tokenizer=tokenizer, **settings)

    whole = make(encoder, sentences, tmp_path / "whole", method(), **arguments)
    whole.train()
    halves = tmp_path / "halves"
    first = make(encoder, sentences, halves, method(), **arguments)
    first.add_callback(StopAt(5))
    first.train()
    assert first.state.global_step == 5
    second = make(encoder, sentences, halves, method(), **arguments)
    second.train(resume_from_checkpoint=True)
    assert losses(second) == losses(whole)
    for key, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(second)[key]), key
    state = second.method.state_dict()
    assert state.keys() == whole.method.state_dict().keys()
    assert all(torch.equal(tensor, state[key]) for key, tensor in whole.method.state_dict().items())


def test_the_sampler_learns_which_epoch_begins_whatever_stands_around_it(encoder, sentences, tmp_path):
    """As when a resumed run skips batches, or several processes share them."""
    trainer = make(encoder, sentences, tmp_path, Vanilla(), max_steps=1)
    sampler = trainer._get_train_sampler()
    first = list(sampler)
    trainer.state.epoch = 3.25
    trainer.callback_handler.on_epoch_begin(trainer.args, trainer.state, trainer.control)
    later = list(sampler)
    sampler.set_epoch(3)
    assert later == list(sampler) != first and sorted(later) == sorted(first)


def test_accumulated_batches_give_the_gradient_of_the_whole_batch(encoder, sentences, tmp_path):
    """Two batches of 8 move the weights as one of 16 does (no dropout; sentences of one length)."""
    found = []
    for place, (size, accumulation) in enumerate([(16, 1), (8, 2)]):
        trainer = make(
            encoder, sentences, tmp_path / str(place), Vanilla(), per_device_train_batch_size=size,
            gradient_accumulation_steps=accumulation, max_steps=1, train_sampling_strategy="sequential", optim="sgd",
            lr_scheduler_type="constant", max_grad_norm=0.0, learning_rate=0.1,
        )  # fmt: skip
        for module in trainer.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        trainer.train()
        found.append(weights(trainer))
    for key in found[0]:
        torch.testing.assert_close(found[0][key], found[1][key], atol=1e-6, rtol=1e-5)


def test_freeat_replays_each_minibatch_and_divides_the_epochs(encoder, sentences, tmp_path):
    seen = []

    class Watched(FreeAT):
        def accumulate(self, batch, scale, micro_batch):
            seen.append(batch.ids.clone())
            return super().accumulate(batch, scale, micro_batch)

    arguments = TrainingArguments(output_dir=str(tmp_path / "unused"), num_train_epochs=3)
    trainer = make(encoder, sentences, tmp_path, Watched(ascent_steps=3), max_steps=-1, num_train_epochs=3)
    trainer.train()
    per_epoch = -(-len(trainer.train_dataset) // 8)
    assert len(seen) == 3 * per_epoch  # As many passes as vanilla's three epochs.
    for start in range(0, len(seen), 3):
        assert torch.equal(seen[start], seen[start + 1])
        assert torch.equal(seen[start], seen[start + 2])
    assert not torch.equal(seen[0], seen[3])
    assert arguments.num_train_epochs == 3


def test_replays_go_round_whole_optimiser_steps(encoder, sentences, tmp_path):
    """With accumulation, a group of batches is replayed, so that every optimiser step sees the same ones."""
    seen = []

    class Watched(FreeAT):
        def accumulate(self, batch, scale, micro_batch):
            seen.append((micro_batch, batch.ids.clone()))
            return super().accumulate(batch, scale, micro_batch)

    make(encoder, sentences, tmp_path, Watched(ascent_steps=2), gradient_accumulation_steps=2, max_steps=4).train()
    assert [micro for micro, _ in seen] == [0, 1] * 4
    assert torch.equal(seen[0][1], seen[2][1])
    assert torch.equal(seen[1][1], seen[3][1])
    assert not torch.equal(seen[0][1], seen[4][1])


def test_batches_are_grouped_by_length_and_padded_to_their_own_longest(encoder, tmp_path):
    path = tmp_path / "mixed.tsv"
    lines = [line for line in tiny.sentences(200).splitlines()]
    path.write_text("\n".join(lines[:1] + [f"{'very ' * (place % 20)}{line}" for place, line in enumerate(lines[1:])]))
    trainer = make(encoder, path, tmp_path / "run")
    padding, widths = 0.0, set()
    batches = list(trainer.get_train_dataloader())
    for batch in batches:
        assert batch["attention_mask"].any(dim=0).all()  # No column that is padding throughout.
        widths.add(batch["input_ids"].shape[1])
        padding += 1 - batch["attention_mask"].float().mean().item()
    assert len(widths) > 2
    assert padding / len(batches) < 0.1


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_a_checkpoint(encoder, sentences, tmp_path):
    class Breaks(Vanilla):
        steps = 0

        def accumulate(self, batch, scale, micro_batch):
            report = super().accumulate(batch, scale, micro_batch)
            self.steps += 1
            report.loss = report.loss * (float("nan") if self.steps == 3 else 1.0)
            return report

    trainer = make(encoder, sentences, tmp_path, Breaks())
    with pytest.raises(NonFiniteLoss, match="became nan at step 3"):
        trainer.train()
    kept = list(tmp_path.glob("checkpoint-2/*.safetensors"))
    assert kept
    assert all(torch.isfinite(tensor).all() for tensor in weights(trainer).values())


def test_label_smoothing_is_the_task_losses(encoder, sentences, tmp_path):
    trainer = make(encoder, sentences, tmp_path, Vanilla(), label_smoothing_factor=0.2, max_steps=1)
    seen = []
    step = trainer.method.step
    trainer.method.step = lambda model, batch, **more: (
        seen.append(more["label_smoothing"]) or step(model, batch, **more)
    )
    trainer.train()
    assert seen == [0.2]


def test_a_compute_loss_func_is_refused(encoder, sentences, tmp_path):
    data = load_file(sentences)
    model = load_model(str(encoder), data.task).model
    with pytest.raises(ValueError, match="compute_loss_func"):
        AdversarialTrainer(model, TrainingArguments(output_dir=str(tmp_path)), compute_loss_func=lambda *_: None)


def test_the_readmes_drop_in_example_runs(encoder, sentences, tmp_path, monkeypatch):
    """The Python block of the README under "In your own script", as it stands, on other names."""
    readme = (ROOT / "README.md").read_text()
    code = re.search(r"In your own script.*?```python\n(.*?)```", readme, re.S).group(1)
    code = code.replace('"roberta-base"', repr(str(encoder))).replace('"train.tsv"', repr(str(sentences)))
    monkeypatch.chdir(tmp_path)
    scope = {}
    exec(code, scope)
    trainer = scope["trainer"]
    assert isinstance(trainer, AdversarialTrainer)
    assert trainer.state.global_step == trainer.state.max_steps > 0
    assert trainer.method.name == "freelb"
    saved = tmp_path / "adversarial"
    assert AutoModelForSequenceClassification.from_pretrained(saved).config.num_labels == 2
    assert AutoTokenizer.from_pretrained(saved)("good film")["input_ids"]
