"""δ at a site: nothing else moves, and it is the same as a model taken apart by hand."""

import copy

import pytest
import torch

from engine.anatomy import blocks, word_embeddings
from engine.errors import UserError
from engine.methods import METHODS, get_method
from engine.methods.passes import PerturbedBatch
from engine.sites import EMBEDDINGS, checkpointing, site_of
from tests import tiny

NO_LAYERS = ("funnel",)
SITES = (EMBEDDINGS, "layer:0", "layer:1")


def made(architecture, **options):
    """A tiny model in evaluation mode, and a batch that it can read."""
    model = tiny.model(architecture, **options).eval()
    pad = model.config.pad_token_id or 0
    return model, tiny.batch(pad=pad, ended=architecture in tiny.ENDED)


def plain_inputs(batch):
    return {name: each for name, each in batch.items() if name != "labels"}


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_no_perturbation_changes_no_bit(architecture, site, side):
    model, batch = made(architecture, dtype=torch.float32)
    batch = batch if side == "right" else tiny.left(batch)
    expected = model(**plain_inputs(batch)).logits
    if site != EMBEDDINGS and architecture in NO_LAYERS:
        with pytest.raises(UserError, match="no row of blocks"):
            PerturbedBatch(model, batch, site=site)
        return
    here = PerturbedBatch(model, batch, site=site)
    assert torch.equal(here.forward(torch.zeros_like(here.like)).logits, expected)
    assert torch.equal(model(**plain_inputs(batch)).logits, expected)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("architecture", [name for name in tiny.CONFIGS if name not in NO_LAYERS])
def test_a_perturbation_moves_its_own_example_and_tokens_alone(architecture, site):
    model, batch = made(architecture)
    here = PerturbedBatch(model, batch, site=site)
    seen = []

    def note(module, given, options, output=None):
        hidden = output if site == EMBEDDINGS else given[0] if given else options["hidden_states"]
        seen.append(hidden.detach().transpose(0, 1) if here.site.tokens_first else hidden.detach())

    register = (
        here.site.module.register_forward_hook if site == EMBEDDINGS else here.site.module.register_forward_pre_hook
    )
    handle = register(note, with_kwargs=True)
    clean = here.forward(torch.zeros_like(here.like))
    first, seen[:] = seen[here.site.call], []
    delta = torch.zeros_like(here.like)
    delta[1, 2] = torch.linspace(-1, 1, delta.shape[-1]) ** 3  # The same in every coordinate would be normalised away.
    moved = here.forward(delta)
    second = seen[here.site.call]
    handle.remove()
    torch.testing.assert_close(second - first, delta, atol=1e-12, rtol=0)
    others = torch.tensor([0, 2, 3])
    torch.testing.assert_close(moved.logits[others], clean.logits[others], atol=1e-12, rtol=0)
    assert (moved.logits[1] - clean.logits[1]).abs().max() > 1e-6
    gradient = here.input_gradient(moved.logits[1].sum(), moved)
    assert gradient[others].abs().max() == 0 and gradient[1].abs().max() > 0


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "albert", "electra", "deberta-v2", "mpnet", "xlnet"])
def test_at_the_embeddings_it_is_what_the_model_makes_of_moved_embeddings(architecture):
    model, batch = made(architecture)
    if architecture == "mpnet":  # Its positions follow the ids' padding, which embeddings alone do not show.
        batch = {name: each[:1, :7] if each.ndim == 2 else each[:1] for name, each in batch.items()}
    here = PerturbedBatch(model, batch)
    delta = 0.1 * torch.randn(here.like.shape, dtype=torch.float64)
    with torch.no_grad():
        words = model.get_input_embeddings()(batch["input_ids"])
        expected = model(inputs_embeds=words + delta, attention_mask=batch["attention_mask"]).logits
    torch.testing.assert_close(here.forward(delta).logits, expected, atol=1e-12, rtol=0)


def by_hand(model, batch, place, delta):
    """BERT taken apart at block `place`: what goes in before, δ, and what is made of it."""
    bert = model.bert
    mask = (1.0 - batch["attention_mask"].double())[:, None, None, :] * torch.finfo(torch.float64).min
    hidden = bert.embeddings(batch["input_ids"])
    for number, block in enumerate(bert.encoder.layer):
        if number == place:
            hidden = hidden + delta
        hidden = block(hidden, mask)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    return model.classifier(bert.pooler(hidden))


@pytest.mark.parametrize("place", [0, 1])
def test_latent_pgd_is_the_plain_loop_on_a_model_split_by_hand(place):
    model, batch = made("bert")
    reference = copy.deepcopy(model)
    method = get_method("pgd")(site=f"layer:{place}", epsilon=0.4, step_size=0.25, ascent_steps=3)
    report = method.step(model, batch)
    delta = torch.zeros(*batch["input_ids"].shape, 16, dtype=torch.float64)
    mask = batch["attention_mask"][..., None].double()
    for _ in range(3):
        leaf = delta.clone().requires_grad_()
        logits = by_hand(reference, batch, place, leaf)
        losses = torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="sum")
        (gradient,) = torch.autograd.grad(losses, leaf)
        gradient = gradient * mask
        for row in range(len(delta)):
            delta[row] += 0.25 * gradient[row] / gradient[row].norm()
            delta[row] *= min(1.0, 0.4 / float(delta[row].norm()))
    loss = torch.nn.functional.cross_entropy(by_hand(reference, batch, place, delta), batch["labels"])
    loss.backward()
    torch.testing.assert_close(report.loss, loss.detach(), atol=1e-12, rtol=0)
    torch.testing.assert_close(report.token_norms[-1], delta.norm(dim=-1), atol=1e-12, rtol=0)
    tiny.assert_same(tiny.gradients(model), tiny.gradients(reference), atol=1e-12)


@pytest.mark.parametrize("name", [each.name for each in METHODS.all() if each.takes_sites()])
@pytest.mark.parametrize("architecture", [name for name in tiny.CONFIGS if name not in NO_LAYERS])
def test_every_method_trains_at_a_layer(name, architecture):
    model, batch = made(architecture)
    model.train()
    wanted = {"site": "layer:1", "epsilon": 0.5, "step_size": 0.3, "magnitude": 0.5}
    allowed = get_method(name).Settings.names()
    method = get_method(name)(**{key: value for key, value in wanted.items() if key in allowed})
    for _ in range(min(2, method.replays)):
        report = method.step(model, batch)
    assert torch.isfinite(report.loss) and report.token_norms[-1].max() > 0
    assert report.token_norms[-1][batch["attention_mask"] == 0].abs().max() == 0
    assert word_embeddings(model).weight.grad.abs().max() > 0


@pytest.mark.parametrize("name", ["pgd", "freelb", "smart"])
@pytest.mark.parametrize("architecture", ["bert", "modernbert", "gpt2"])
@pytest.mark.parametrize("site", ["embeddings", "layer:1"])
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "somebody else's"])
def test_checkpointed_gradients_are_the_same(name, architecture, site, ours):
    model, batch = made(architecture, dropout=0.0)
    other = copy.deepcopy(model)
    checkpointing(other) if ours else other.activation_checkpointing_enable()
    for each in (model, other):
        each.train()
        torch.manual_seed(3)
        get_method(name)(site=site, epsilon=0.5, step_size=0.3).step(each, batch)
    tiny.assert_same(tiny.gradients(model), tiny.gradients(other), atol=1e-12)


def test_checkpointing_computes_blocks_again():
    model, batch = made("bert")
    checkpointing(model)
    model.train()
    calls = []
    model.bert.encoder.layer[1].register_forward_pre_hook(lambda *_: calls.append(1))
    get_method("vanilla")().step(model, batch)
    assert len(calls) >= 2


def test_a_model_that_cannot_checkpoint_says_so():
    with pytest.raises(UserError, match="albert models cannot compute their blocks anew"):
        checkpointing(made("albert")[0])


def test_a_copy_of_a_model_has_its_own_sites():
    model, batch = made("bert")
    first = PerturbedBatch(model, batch, site="layer:1")
    other = copy.deepcopy(model)
    second = PerturbedBatch(other, batch, site="layer:1")
    assert first.site is not second.site and second.site.module is other.bert.encoder.layer[1]
    delta = torch.full_like(first.like, 0.2)
    torch.testing.assert_close(first.forward(delta).logits, second.forward(delta).logits, atol=0, rtol=0)
    with first.moved(delta), torch.no_grad():
        clean = other(**plain_inputs(batch)).logits
    torch.testing.assert_close(clean, first.forward(torch.zeros_like(delta)).logits, atol=0, rtol=0)


def test_shared_blocks_are_told_apart_by_their_calls():
    model, batch = made("albert")
    found = blocks(model, batch)
    assert [each.call for each in found] == [0, 1]
    assert found[0].module is found[1].module


@pytest.mark.parametrize("site, said", [("layer:99", "layer:0 to layer:1"), ("layer:2", "layer:0 to layer:1")])
def test_a_layer_that_is_not_there_is_refused(site, said):
    model, batch = made("bert")
    with pytest.raises(UserError, match=said):
        site_of(model, site, batch)


@pytest.mark.parametrize("site", ["foo", "layer:-1", "layer:", "layer:1.5", "layer:٣", "embeddings ", "layer:12345"])
def test_names_that_are_no_sites_are_refused(site):
    with pytest.raises(UserError, match=r"embeddings or layer:N"):
        get_method("pgd").Settings.parse({"site": site})


def test_textat_stays_at_the_words():
    with pytest.raises(UserError, match="TextAT's table belongs to the word embeddings"):
        get_method("textat").Settings.parse({"site": "layer:1"})
