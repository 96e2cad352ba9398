"""What `Method.step` makes of any batch in one's own script: the loss that transformers has, or a refusal."""

import pytest
import torch

from engine.errors import UserError
from engine.methods import get_method
from tests import tiny

ALL = ["vanilla", "pgd", "freeat", "freelb", "smart", "textat"]


def still(name):
    """The method with a δ of 0: what it minimises is then the task's own loss."""
    settings = {"vanilla": {}, "smart": {"smoothness_weight": 0.0}}.get(name, {"epsilon": 0.0})
    return get_method(name)(**settings)


def problems():
    generator = torch.Generator().manual_seed(3)
    yield "single_label_classification", 3, torch.tensor([0, 2, 1, 2])
    yield "single_label_classification", 3, torch.tensor([[0], [2], [1], [2]])
    yield "single_label_classification", 3, torch.tensor([0, -100, 1, -100])
    yield "single_label_classification", 3, torch.tensor([-100, -100, -100, 1])
    yield "multi_label_classification", 3, torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]]).double()
    yield "regression", 1, torch.randn(4, generator=generator).double()
    yield "regression", 1, torch.randn(4, 1, generator=generator).double()
    yield "regression", 3, torch.randn(4, 3, generator=generator).double()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("problem, width, labels", problems(), ids=lambda value: getattr(value, "shape", value))
@pytest.mark.parametrize("given", [True, False], ids=["problem_type", "by the labels"])
def test_the_loss_and_its_gradients_are_those_of_transformers(name, problem, width, labels, given):
    model = tiny.model(num_labels=width)
    model.config.problem_type = problem if given else None
    batch = {**tiny.batch(), "labels": labels}
    expected = model(**{**batch, "labels": labels.squeeze(-1) if labels.shape[-1:] == (1,) else labels}).loss
    expected.backward()
    wanted = tiny.gradients(model)
    model.zero_grad()
    model.config.problem_type = problem if given else None  # transformers has written down what it took it for.
    method = still(name)
    report = method.step(model, batch)
    torch.testing.assert_close(report.loss, expected.detach())
    tiny.assert_same(tiny.gradients(model), wanted)


@pytest.mark.parametrize(
    "problem, width, labels, words",
    [
        ("regression", 3, torch.zeros(4).double(), r"takes \[4, 3\]"),
        ("regression", 1, torch.zeros(4, 3).double(), r"takes \[4\]"),
        ("multi_label_classification", 3, torch.zeros(4, 2).double(), r"takes \[4, 3\]"),
        ("multi_label_classification", 3, torch.zeros(4).double(), r"takes \[4, 3\]"),
        ("single_label_classification", 3, torch.zeros(4, 3).long(), r"takes \[4\]"),
        ("single_label_classification", 3, torch.zeros(4).double(), "class numbers"),
        ("single_label_classification", 3, torch.zeros(3).long(), "B labels"),
        ("single_label_classification", 3, torch.tensor(1), "B labels"),
    ],
)
def test_labels_of_another_shape_are_refused(problem, width, labels, words):
    model = tiny.model(num_labels=width)
    model.config.problem_type = problem
    with pytest.raises(UserError, match=words):
        get_method("freelb")().step(model, {**tiny.batch(), "labels": labels})


def test_a_batch_without_labels_or_with_a_mask_of_another_shape_is_refused():
    batch, model = tiny.batch(), tiny.model()
    with pytest.raises(UserError, match="no labels"):
        get_method("pgd")().step(model, {name: each for name, each in batch.items() if name != "labels"})
    with pytest.raises(UserError, match="of one shape"):
        get_method("pgd")().step(model, {**batch, "attention_mask": batch["attention_mask"][:, :3]})


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_the_clean_loss_is_the_models_own_whatever_the_padding(architecture, side):
    """Decoders pool where the ids end, RoBERTa's positions follow the ids' padding: the model is called with its ids."""
    model = tiny.model(architecture)
    batch = tiny.batch(pad=model.config.pad_token_id or 0, ended=architecture in tiny.ENDED)
    batch = batch if side == "right" else tiny.left(batch)
    expected = model(**batch).loss
    report = still("freelb").step(model, batch)
    torch.testing.assert_close(report.loss, expected.detach())


def test_the_look_leaves_modes_and_the_random_state_alone():
    model = tiny.model(dropout=0.3)
    model.base_model.embeddings.eval()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    get_method("vanilla")().embed(model, tiny.batch())
    assert torch.equal(before, torch.get_rng_state())
    assert model.training and not model.base_model.embeddings.training
