"""What holds for every method in the registry; a new method is tested here without any change."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from engine.errors import UserError
from engine.methods import METHODS, get_method, perturbing
from tests import tiny

ALL = METHODS.names()
# Settings under which every method moves visibly on a tiny model.
STRONG = {"epsilon": 0.5, "step_size": 0.3, "keep": 0.9}


def make(name, **more):
    """A method with settings that show."""
    allowed = get_method(name).Settings.names()
    values = {key: value for key, value in {**STRONG, **more}.items() if key in allowed}
    return get_method(name)(tokenizer=tiny.TOKENIZER, **values)


def path(method, model, batch, steps=2, seed=0):
    """δ after each ascent step, [steps + 1] of [B, L, D]."""
    torch.manual_seed(seed)
    embedded = method.embed(model, batch)
    objective = method.ascent_objective(embedded)
    state = method.start(embedded)
    found = [method.total(state)]
    for _ in range(steps):
        at = embedded.forward(method.total(state))
        state = method.ascend(state, embedded.input_gradient(objective(at).sum(), at), embedded)
        found.append(method.total(state))
    return found


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("architecture", list(tiny.CONFIGS))
@pytest.mark.parametrize("outputs", [3, 1])
def test_every_architecture_and_loss(name, architecture, outputs):
    model = tiny.model(architecture, outputs, dtype=torch.float32)
    pad = model.config.pad_token_id or 0
    batch = tiny.batch(outputs, pad=pad, ended=architecture in tiny.ENDED)
    method = make(name)
    report = method.step(model, batch)
    assert torch.isfinite(report.loss)
    found = tiny.gradients(model)
    assert all(torch.isfinite(gradient).all() for gradient in found.values())
    words = model.get_input_embeddings().weight.grad
    seen = set(batch["input_ids"][batch["attention_mask"].bool()].tolist())
    if architecture in tiny.ENDED:  # The decoder looks its own start and the padding up too.
        seen |= {0, 1, 2}
    seen |= {tiny.TOKENIZER.mask_token_id} if name == "ranmask" else set()
    assert set(words.abs().sum(-1).nonzero()[:, 0].tolist()) <= seen
    assert words.abs().max() > 0
    for norms in report.token_norms:
        assert norms[batch["attention_mask"] == 0].abs().max() == 0


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 3), st.integers(0, 999))
def test_delta_ignores_padding_and_neighbours(name, lengths, padding, seed):
    model = tiny.model()
    full = tiny.batch(lengths=tuple(lengths), seed=seed)
    wide = tiny.batch(lengths=(*lengths, 4), pad_to=max(*lengths, 4) + padding, seed=seed)
    width = full["input_ids"].shape[1]
    for key, tensor in full.items():  # The same examples, with a neighbour more and padding.
        if key == "labels":
            wide[key][: len(lengths)] = tensor
        else:
            wide[key][: len(lengths)] = 0
            wide[key][: len(lengths), :width] = tensor
    for small, large in zip(path(make(name), model, full), path(make(name), model, wide), strict=True):
        torch.testing.assert_close(small, large[: len(lengths), :width], atol=1e-9, rtol=1e-7)
        assert (large * (1 - wide["attention_mask"][..., None])).abs().max() == 0


@pytest.mark.parametrize("name", [name for name in ALL if "epsilon" in get_method(name).Settings.names()])
@settings(deadline=None, max_examples=12)
@given(st.just(0.0) | st.floats(1e-150, 2), st.floats(0, 2), st.integers(0, 999))  # Below, a square is no number.
def test_delta_stays_in_the_ball(name, epsilon, step_size, seed):
    method = make(name, epsilon=epsilon, step_size=step_size)
    steps = path(method, tiny.model(), tiny.batch(), seed=seed)
    # The ball of SMART and ALUM is L∞, and its Gaussian start is inside it only after the first projection.
    largest = name in ("smart", "alum")
    for delta in steps[1:] if largest else steps:
        size = delta.abs().amax((1, 2)) if largest else delta.flatten(1).norm(dim=1)
        assert (size <= epsilon * (1 + 1e-9) + 1e-300).all()  # 1e-300: where numbers of float64 end.


@pytest.mark.parametrize("name", ALL)
def test_a_zero_gradient_gives_no_nan(name):
    model = tiny.model()
    with torch.no_grad():  # A head of zeros: no input changes the loss.
        for name_, parameter in model.named_parameters():
            if name_.startswith("classifier"):
                parameter.zero_()
    report = make(name).step(model, tiny.batch())
    assert torch.isfinite(report.loss)
    assert all(torch.isfinite(gradient).all() for gradient in tiny.gradients(model).values())
    assert all(torch.isfinite(delta).all() for delta in path(make(name), model, tiny.batch()))


@pytest.mark.parametrize("name", ALL)
def test_scale_multiplies_the_gradients(name):
    model, found = tiny.model(), []
    for scale in (1.0, 0.25):
        model.zero_grad()
        torch.manual_seed(0)
        make(name).step(model, tiny.batch(), scale=scale)
        found.append(tiny.gradients(model))
    tiny.assert_same({key: value * 0.25 for key, value in found[0].items()}, found[1])


@pytest.mark.parametrize("name", perturbing())
def test_special_tokens_can_be_left_alone(name):
    batch = tiny.batch()
    batch["input_ids"][:, 0] = 2
    settings = get_method(name).Settings
    own = {key: value for key, value in STRONG.items() if key in settings.names()}
    method = get_method(name)(settings.parse({**own, "perturb_special_tokens": False}), tokenizer=tiny.TOKENIZER)
    delta = path(method, tiny.model(), batch)[-1]
    assert delta[:, 0].abs().max() == 0
    assert delta[:, 1].abs().max() > 0
    with pytest.raises(ValueError, match="needs the tokenizer"):
        get_method(name)(perturb_special_tokens=False)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("steps", [1, 3])
def test_cost_is_the_floor_in_matrix_products(name, steps):
    """Counted operations, not time: an inner pass that computed gradients of parameters would show."""
    model, batch = tiny.model(), tiny.batch()

    make("vanilla").step(model, batch)  # The first step also looks whether the model can be perturbed at all.

    def count(method):
        with FlopCounterMode(display=False) as counter:
            method.step(model, batch)
        return counter.get_total_flops()

    vanilla, method = count(make("vanilla")), make(name, ascent_steps=steps)
    assert count(method) * method.replays / vanilla == pytest.approx(method.floor / 3, rel=0.01)


@pytest.mark.parametrize("name, passes", [("pgd", 1), ("smart", 1), ("freelb", 3)])
def test_how_often_parameter_gradients_are_computed(name, passes):
    model, seen = tiny.model(), []
    weight = model.base_model.encoder.layer[0].output.dense.weight
    weight.register_post_accumulate_grad_hook(lambda parameter: seen.append(1))
    make(name, ascent_steps=3).step(model, tiny.batch())
    assert len(seen) == passes


@pytest.mark.parametrize("name", ALL)
def test_all_passes_share_one_scatter_into_the_word_embeddings(name):
    scattered = []

    class Scatters(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            if function is torch.ops.aten.embedding_dense_backward.default:
                scattered.append(tuple(arguments[0].shape))
            return function(*arguments, **(options or {}))

    model = tiny.model()
    size = model.get_input_embeddings().embedding_dim
    batch = {**tiny.batch(), "token_type_ids": torch.zeros(4, 7, dtype=torch.long)}
    model.base_model.embeddings.token_type_embeddings.requires_grad_(False)
    model.base_model.embeddings.position_embeddings.requires_grad_(False)
    with Scatters():
        make(name).step(model, batch)
    # What moves weights looks at the gradient of the words' weights before, too; what swaps words has two texts.
    assert scattered == [(4, 7, size)] * (2 if get_method(name).moves_weights or name == "hotflip" else 1)


@pytest.mark.parametrize("name", ALL)
def test_frozen_word_embeddings_stay_frozen(name):
    model = tiny.model()
    model.get_input_embeddings().weight.requires_grad_(False)
    make(name).step(model, tiny.batch())
    assert model.get_input_embeddings().weight.grad is None
    assert model.classifier.weight.grad.abs().max() > 0


@pytest.mark.parametrize("name", ALL)
def test_a_few_steps_lower_the_clean_loss(name):
    model, batch = tiny.model(), tiny.batch()
    method = make(name, epsilon=0.05, step_size=0.02)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    before = tiny.plain_loss(model, model.get_input_embeddings()(batch["input_ids"]), batch)[0].item()
    for _ in range(10):
        for _ in range(method.replays):
            optimizer.zero_grad()
            method.step(model, batch)
            optimizer.step()
    after = tiny.plain_loss(model, model.get_input_embeddings()(batch["input_ids"]), batch)[0].item()
    assert after < before / 2


@pytest.mark.parametrize("name", ALL)
def test_state_dict_carries_everything(name):
    """A method restored from its state goes on exactly as the one that was not interrupted."""
    model, batch = tiny.model(), tiny.batch()
    method = make(name, bregman_weight=1.0)
    method.step(model, batch)
    other = make(name, bregman_weight=1.0)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    found = []
    for each in (method, other):
        model.zero_grad()
        torch.manual_seed(3)
        each.step(model, batch)
        found.append(tiny.gradients(model))
    tiny.assert_same(*found)


@pytest.mark.parametrize("name", ALL)
def test_docstrings_and_settings_say_what_is_what(name):
    method = get_method(name)
    assert method.name == name
    assert "Cost of a" in method.__doc__
    for field, schema in method.Settings.schema().items():
        assert schema.get("description"), field
        assert "default" in schema, field
    for preset in method.presets.values():
        method.Settings.parse(preset)


def test_bad_settings_are_refused_in_one_line():
    for values, words in (
        ({"epsilon": -1}, "epsilon"),
        ({"ascent_steps": "many"}, "ascent_steps"),
        ({"epsilonn": 1}, "Did you mean epsilon"),
        ({"step_size": "nan"}, "step_size"),
    ):
        with pytest.raises(UserError, match=words) as problem:
            get_method("freelb").Settings.parse(values)
        assert "\n" not in str(problem.value)
    assert get_method("freelb").Settings.parse({"epsilon": "none", "ascent_steps": "2"}).epsilon is None
    with pytest.raises(UserError, match="vanilla, "):
        get_method("fgsm")


@pytest.mark.parametrize("name", ["pgd", "freelb", "textat", "smart"])
@pytest.mark.parametrize("start", [0.0, 0.2])
def test_what_delta_cannot_exceed_is_said_and_nearly_reached(model, batch, name, start):
    options = {} if name == "smart" else {"start_magnitude": start}
    method = get_method(name)(ascent_steps=4, step_size=0.1, epsilon=100.0, **options)
    if name in ("textat", "smart"):
        assert method.reach is None
        return
    report = method.step(model, batch)
    last = report.token_norms[-1].norm(dim=1)
    assert method.reach == pytest.approx(start + (4 if name == "pgd" else 3) * 0.1)
    assert (last <= method.reach + 1e-9).all()
    assert start or last.max() > 0.9 * method.reach
