"""Models that tag every token: every method on them against plain loops, a run from a CoNLL file, and their analysis."""

import json

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModelForTokenClassification

from engine.ascent import climb
from engine.cli import main
from engine.errors import UserError
from engine.methods import METHODS, get_method
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store
from engine.subjects.classifier import load_classifier
from engine.subjects.references import load_subject
from tests import tiny

CLASSES = 3


def plain_losses(model, embeddings, batch):
    """The mean cross-entropy over the labelled tokens of each example, with a loop over examples and tokens."""
    logits = model(inputs_embeds=embeddings, attention_mask=batch["attention_mask"]).logits
    found = []
    for row, labels in zip(logits, batch["labels"], strict=True):
        each = [-row[at].log_softmax(-1)[label] for at, label in enumerate(labels.tolist()) if label != -100]
        found.append(torch.stack(each).mean())
    return torch.stack(found), logits


def plain_divergence(first, second, labels):
    found = []
    for a, b, row in zip(first, second, labels, strict=True):
        each = [
            F.kl_div(b[at].log_softmax(-1), a[at].softmax(-1), reduction="sum")
            + F.kl_div(a[at].log_softmax(-1), b[at].softmax(-1), reduction="sum")
            for at, label in enumerate(row.tolist())
            if label != -100
        ]
        found.append(torch.stack(each).mean())
    return torch.stack(found)


@pytest.fixture
def tagger():
    return tiny.model(num_labels=CLASSES, tags=True)


@pytest.fixture
def tagged_batch():
    return tiny.tags(tiny.batch(), CLASSES)


def project(delta, epsilon):
    norms = delta.flatten(1).norm(dim=1)[:, None, None]
    return delta * (epsilon / norms).clamp(max=1)


def test_pgd_is_the_plain_loop(tagger, tagged_batch):
    epsilon, size = 0.3, 0.2
    clean = tagger.get_input_embeddings()(tagged_batch["input_ids"])
    mask = tagged_batch["attention_mask"][..., None].double()
    delta = torch.zeros_like(clean)
    for _ in range(3):
        at = (clean.detach() + delta).requires_grad_()
        (gradient,) = torch.autograd.grad(plain_losses(tagger, at, tagged_batch)[0].sum(), at)
        gradient = gradient * mask
        length = gradient.flatten(1).norm(dim=1)[:, None, None]
        delta = project(delta + size * gradient / length, epsilon)
    tagger.zero_grad()
    embeddings = tagger.get_input_embeddings()(tagged_batch["input_ids"])
    plain_losses(tagger, embeddings + delta, tagged_batch)[0].mean().backward()
    wanted = tiny.gradients(tagger)
    tagger.zero_grad()
    get_method("pgd")(epsilon=epsilon, step_size=size, ascent_steps=3).step(tagger, tagged_batch)
    tiny.assert_same(tiny.gradients(tagger), wanted)


def test_smarts_penalty_is_the_mean_over_the_labelled_tokens(tagger, tagged_batch):
    method = get_method("smart")(start_sigma=0.1, epsilon=0.2, step_size=0.1, ascent_steps=1)
    report = method.step(tagger, tagged_batch)
    tagger.zero_grad()
    torch.manual_seed(0)
    point = climb(method, tagger, tagged_batch, steps=1)[-1]
    clean = tagger.get_input_embeddings()(tagged_batch["input_ids"])
    _, first = plain_losses(tagger, clean + point.delta, tagged_batch)
    losses, second = plain_losses(tagger, clean, tagged_batch)
    torch.testing.assert_close(point.objective, plain_divergence(first, second, tagged_batch["labels"]).detach())
    assert report.figures["smoothness_kl"] > 0
    torch.testing.assert_close(report.loss, (losses.mean() + report.figures["smoothness_kl"]).detach())


@pytest.mark.parametrize("name", METHODS.names())
@pytest.mark.parametrize("architecture", [name for name in tiny.CONFIGS if name != "bart"])
def test_every_method_trains_taggers_of_every_architecture(name, architecture):
    """bart has no such head in transformers. With δ = 0 the loss is the mean of the examples' own, given one by one."""
    tagger = tiny.model(architecture, CLASSES, tags=True)
    given = tiny.tags(tiny.batch(ended=architecture in tiny.ENDED), CLASSES)
    method = get_method(name)
    moved = method(tokenizer=tiny.TOKENIZER).step(tagger, given)
    assert torch.isfinite(moved.loss) and any(
        each.grad.abs().max() > 0 for each in tagger.parameters() if each.grad is not None
    )
    if name == "ranmask":  # What it sees is another text.
        return
    nothing = {"epsilon": 0.0, "smoothness_weight": 0.0, "magnitude": 0.0, "radius": 0.0, "strength": 0.0,
               "adversarial_weight": 0.0}  # fmt: skip
    still = {key: value for key, value in nothing.items() if key in method.Settings.names()}
    report = method(**still).step(tagger, given)
    alone = [
        tagger(**{key: each[row : row + 1] for key, each in given.items()}).loss.double()
        for row in range(len(given["input_ids"]))
    ]
    times = 2 if name == "fgm" else 1  # Its objective is the sum of two.
    torch.testing.assert_close(report.loss, times * torch.stack(alone).mean().detach(), atol=1e-6, rtol=1e-5)


def test_an_example_without_labels_counts_for_nothing(tagger, tagged_batch):
    less = {**tagged_batch, "labels": tagged_batch["labels"].clone()}
    less["labels"][0] = -100
    loss = get_method("vanilla")().step(tagger, less).loss
    clean = tagger.get_input_embeddings()(less["input_ids"])
    rest = {name: each[1:] for name, each in less.items()}
    torch.testing.assert_close(loss, plain_losses(tagger, clean[1:], rest)[0].mean().detach())
    with pytest.raises(UserError, match=r"takes \[4, 7\]"):
        get_method("pgd")().step(tagger, {**less, "labels": less["labels"][:, :3]})


def settings(**more):
    return {"batch_size": "16", "learning_rate": "5e-3", "evaluations": "1", "checkpoints": "1", **more}


@pytest.fixture
def trained(encoder, tmp_path):
    path = tmp_path / "kinds.conll"
    path.write_text(tiny.tagged(300))
    values = {"method": "freelb", "dataset": str(path), "model": str(encoder), "max_steps": 120}
    return execute(Store().create(TrainConfig.build(values, settings()).as_dict(), status="starting").id)


def test_a_run_from_a_conll_file_learns_and_is_looked_at(trained, capsys):
    assert trained.status == "completed", trained.message
    assert trained.metrics["entity_f1"] > 0.9 and not trained.mark
    model = AutoModelForTokenClassification.from_pretrained(trained.model_folder)
    assert model.config.id2label[0] == "O" and model.config.num_labels == 5
    classifier = load_classifier(run=trained.id)
    assert classifier.tags and not classifier.is_regression
    text = "the film was lovely superb on monday"
    command = ["tags", "--run", trained.id, "--text", text, "--method", "pgd", "--steps", "4"]
    assert main([*command, "--set", "epsilon=6", "--set", "step_size=3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    at = {token: place for place, token in enumerate(found["tokens"])}
    assert found["said"][0][at["lovely"]] == "B-GOOD" and found["said"][0][at["superb"]] == "I-GOOD"
    assert found["said"][0][0] == "" and found["against"] == found["said"][0]
    assert found["loss"][-1] > found["loss"][0] and found["said"][-1] != found["said"][0]
    # The same loss, by the model alone.
    inputs = classifier.tokenizer(text, return_tensors="pt")
    logits = classifier.model(**inputs).logits[0]
    each = [-logits[n].log_softmax(-1).max().item() for n, tag in enumerate(found["against"]) if tag]
    assert found["loss"][0] == pytest.approx(sum(each) / len(each), rel=1e-5)
    assert main([*command, "--label", "O O O B-BAD I-BAD O O", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["against"][at["lovely"]] == "B-BAD"
    # What does not fit is one line.
    for label, words in (("O O", "A label is needed for each of the 7 words"), ("O O O X O O O", "'X' is none of")):
        assert main([*command, "--label", label]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
    for verb in ("trace", "layers", "flip"):
        assert main([verb, "--run", trained.id, "--text", text]) == 2
        assert "tags every token" in capsys.readouterr().err
    assert main(["robust-accuracy", "--run", trained.id]) == 2
    assert main(["tags", "--text", text, "--model", str(trained.model_folder), "--text-pair", "b"]) == 2


def test_a_classifier_of_texts_has_no_tags(small, capsys):
    assert main(["tags", "--model", str(small), "--text", "a good film"]) == 2
    assert "token classification" in capsys.readouterr().err
    assert not load_subject("classifier", str(small)).tags
