"""Number formats, compiled models and GPUs: the same training, up to rounding."""

import copy

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch._dynamo.testing import CompileCounter
from transformers import AttentionInterface, TrainingArguments

from engine.errors import UserError
from engine.methods import METHODS, get_method
from engine.methods.precision import full_precision
from engine.models import load_tokenizer
from engine.process import multiply_fast, multiplying_fast
from engine.runs.arguments import training_arguments
from engine.runs.build import _bucket
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store
from engine.sites import EMBEDDINGS
from tests import tiny
from tests.engine.test_trainer import losses, make, weights

CUDA = torch.cuda.is_available()


def gradients(method, model, batch):
    """A step's gradients, and ‖δ‖ of its last pass where there is one."""
    model.zero_grad()
    report = get_method(method)(tokenizer=tiny.TOKENIZER).step(model, batch)
    norms = report.token_norms[-1] if report.token_norms else torch.zeros(1)
    return report.loss, norms, tiny.gradients(model)


@pytest.mark.parametrize("method", METHODS.names())
def test_bfloat16_autocast_gives_the_gradients_of_float32_up_to_rounding(method):
    """bf16 has 8 bits: about 0.4 % per rounding. Weights, δ and what a method keeps stay in float32."""
    model, batch = tiny.model("bert", dtype=torch.float32), tiny.batch()
    torch.manual_seed(0)
    loss, norms, exact = gradients(method, model, batch)
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        rough_loss, rough_norms, rough = gradients(method, model, batch)
    assert float((loss - rough_loss).abs()) < 0.02 * float(loss.abs())
    torch.testing.assert_close(rough_norms.float(), norms, rtol=0.1, atol=0.02)
    assert all(tensor.dtype == torch.float32 for tensor in rough.values()) and rough_norms.dtype == torch.float32
    flat, close = (torch.cat([each.flatten() for each in tensors.values()]) for tensors in (exact, rough))
    # What moves weights goes there by a rounded gradient, and rounds once more.
    least = 0.95 if get_method(method).moves_weights else 0.98
    assert float(torch.nn.functional.cosine_similarity(flat, close, dim=0)) > least
    other = float((flat - close).norm()) > 0
    assert other != get_method(method).takes_differences  # What compares nearly equal outputs stays in float32.


def wrapped(model):
    """The model as a Trainer with bf16 hands it to a method: autocast is part of its forward pass."""
    AcceleratorState._reset_state(True)
    prepared = Accelerator(cpu=True, mixed_precision="bf16").prepare_model(model)
    AcceleratorState._reset_state(True)
    return prepared


@pytest.mark.parametrize("how", ["context", "wrapped"])
@pytest.mark.parametrize("settings", [{"epsilon": 0.05, "step_size": 0.05}, {}, {"bregman_weight": 1.0}])
def test_smarts_inner_gradient_and_penalty_are_those_of_float32(how, settings):
    """On a fresh head the outputs that it compares differ by less than bf16 resolves: the total loss would hide it."""
    batch = tiny.batch()

    def look(model):
        method = get_method("smart")(**settings)
        torch.manual_seed(1)
        embedded = method.embed(model, batch)
        objective = method.ascent_objective(embedded)
        at = embedded.forward(method.start(embedded))
        inner = embedded.input_gradient(objective(at).sum(), at)
        torch.manual_seed(1)
        return inner.flatten() / inner.abs().max(), method.step(model, batch).figures

    made = tiny.model("bert", dtype=torch.float32)
    with torch.no_grad():
        made.classifier.weight.mul_(0.02)
    inner, figures = look(made)
    model = wrapped(copy.deepcopy(made)) if how == "wrapped" else copy.deepcopy(made)
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "context"):
        rough_inner, rough = look(model)
    assert inner.norm() > 0
    assert float(torch.nn.functional.cosine_similarity(inner, rough_inner, dim=0)) > 0.999
    assert figures.keys() == rough.keys() and "smoothness_kl" in figures
    for name, value in figures.items():
        assert float(rough[name]) == pytest.approx(float(value), rel=1e-3, abs=0)
    assert float(figures["smoothness_kl"]) > 0


def test_the_wrapped_model_really_computes_in_bfloat16():
    model, batch = tiny.model("bert", dtype=torch.float32), tiny.batch()
    exact = get_method("freelb")(fixed_dropout=True)
    torch.manual_seed(1)
    loss = exact.step(copy.deepcopy(model), batch).loss
    torch.manual_seed(1)
    assert float(exact.step(wrapped(copy.deepcopy(model)), batch).loss) != float(loss)


def test_smart_refuses_a_model_whose_weights_are_half_precision():
    with pytest.raises(UserError, match=r"weights are bfloat16.*Load the model in float32"):
        get_method("smart")().step(tiny.model("bert", dtype=torch.bfloat16), tiny.batch())


def test_a_run_in_bfloat16_on_the_cpu_ends_near_that_in_float32(encoder, sentences):
    found = []
    for precision in ("fp32", "bf16"):
        config = TrainConfig.build(
            {"method": "textat", "dataset": str(sentences), "model": str(encoder), "max_steps": 8, "batch_size": 8,
             "precision": precision}
        )  # fmt: skip
        done = execute(Store().create(config.as_dict(), status="starting").id)
        assert done.info["bf16"] == (precision == "bf16")
        found.append([value for _, value in Store().figures(done.id)["loss"]])
    assert found[1] == pytest.approx(found[0], abs=0.02) and found[1] != found[0]


@pytest.mark.parametrize("method", ["freelb", "smart", "textat"])
def test_a_compiled_model_trains_the_same(encoder, sentences, tmp_path, method, monkeypatch):
    """Through torch.compile's tracing, without a code generator (which takes a C++ compiler)."""
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "no")  # Put back afterwards: TrainingArguments sets it.
    plain = make(encoder, sentences, tmp_path / "plain", method, max_steps=3)
    plain.train()
    compiled = make(
        encoder, sentences, tmp_path / "compiled", method, max_steps=3, torch_compile=True, torch_compile_backend="aot_eager"
    )  # fmt: skip
    compiled.train()
    assert losses(compiled) == pytest.approx(losses(plain), abs=1e-4)
    first, second = weights(plain), weights(compiled)
    assert max(float((first[name] - second[name]).abs().max()) for name in first) < 1e-4


@pytest.mark.parametrize("site", ["embeddings", "layer:1"])
@pytest.mark.parametrize("name", METHODS.names())
def test_a_step_is_compiled_once_for_each_way_through_it(name, site):
    """With δ put in by a hook: no compilation after the first step, however many steps follow, and the same gradients."""
    method = get_method(name)
    if site != EMBEDDINGS and not method.takes_sites():
        pytest.skip("it has no other site")
    settings = {"tokenizer": tiny.TOKENIZER} | ({"site": site} if method.takes_sites() else {})
    torch._dynamo.reset()
    counter = CompileCounter()
    plain, traced = tiny.model(), tiny.model()
    compiled, counts = torch.compile(traced, backend=counter), []
    there, here = method(**settings), method(**settings)
    for seed in range(4):
        for model, each in ((plain, there), (compiled, here)):
            torch.manual_seed(seed)
            model.zero_grad()
            each.step(model, tiny.batch(seed=seed))
        tiny.assert_same(tiny.gradients(traced), tiny.gradients(plain), atol=1e-8)
        counts.append(counter.frame_count)
    assert 1 <= counts[0] <= 3 + method.takes_hidden and counts == [counts[0]] * 4


def test_compiled_code_and_gpus_see_few_shapes(encoder):
    tokenizer = load_tokenizer(str(encoder))
    from engine.data.encoding import collator

    rows = [tokenizer("a good film " * count) | {"labels": 0} for count in (1, 4)]
    assert collator(tokenizer, 32)([dict(row) for row in rows])["input_ids"].shape[1] % 32 == 0
    build = TrainConfig.build
    assert _bucket(build({"compile": True})) == 32
    assert _bucket(build({})) == (8 if CUDA else None)


@pytest.fixture
def products():
    """The setting that `multiply_fast` changes, as it was again after the test."""
    setting = torch.backends.mkldnn.matmul
    before = setting.fp32_precision
    yield setting
    setting.fp32_precision = before


@pytest.mark.parametrize("shape", [(7, 5, 3), (216, 384, 1536), (864, 384, 384), (33, 1536, 384)])
def test_fast_products_are_as_exact_as_float32(products, shape):
    """bfloat16 would be wrong by 1e-3, in the products forward and in both backward."""
    rows, inner, columns = shape
    torch.manual_seed(0)
    exact = torch.nn.Linear(inner, columns).double()
    inputs, upstream = torch.randn(rows, inner).double(), torch.randn(rows, columns).double()
    layer = copy.deepcopy(exact).float()
    multiply_fast()
    found = []
    for module, dtype in ((exact, torch.float64), (layer, torch.float32)):
        given = inputs.to(dtype, copy=True).requires_grad_()
        outputs = module(given)
        found.append([outputs, *torch.autograd.grad(outputs, [given, *module.parameters()], upstream.to(dtype))])
    for right, fast in zip(*found, strict=True):
        assert fast.dtype == torch.float32
        assert float((fast - right).abs().max()) < 2e-6 * float(right.abs().max())


@pytest.mark.parametrize(
    ("chip", "setting"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_f": True, "amx_tile": False}, "bf16"),
        ({"cpu_name": "AMD Ryzen", "avx512_f": False, "amx_tile": False}, "none"),  # MKL uses all of it.
        ({"cpu_name": "AMD of tomorrow", "avx512_f": True, "amx_tile": True}, "none"),  # It would round.
        ({"cpu_name": "Intel Xeon", "avx512_f": True, "amx_tile": True}, "none"),
        ({}, "none"),
    ],
)
def test_only_a_chip_that_gains_and_does_not_round_multiplies_by_onednn(products, monkeypatch, chip, setting):
    products.fp32_precision = "none"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: chip)
    multiply_fast()
    assert products.fp32_precision == setting


def test_beside_a_gpu_nothing_is_changed(products, monkeypatch):
    products.fp32_precision = "none"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "AMD EPYC", "avx512_f": True})
    multiply_fast()
    assert products.fp32_precision == "none"


@pytest.fixture
def amd(products, monkeypatch):
    """A chip that multiplies by oneDNN in the block; attention as it was again after the test."""
    products.fp32_precision = "none"
    monkeypatch.setattr(AttentionInterface, "_global_mapping", dict(AttentionInterface._global_mapping))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "AMD EPYC", "avx512_f": True})
    monkeypatch.setattr("engine.process.LONG", 30)
    yield
    torch.backends.cuda.enable_flash_sdp(True)


def fused(model, length):
    """The logits of two random texts, and whether their attention was fused."""
    torch.manual_seed(0)
    given = {"input_ids": torch.randint(5, 60, (2, length)), "attention_mask": torch.ones(2, length, dtype=torch.long)}
    given["attention_mask"][1, length // 2 :] = 0
    with torch.profiler.profile() as seen, torch.no_grad():
        logits = model(**given).logits
    return logits, any("flash" in event.key for event in seen.key_averages())


@pytest.mark.parametrize(("length", "dtype", "plain"), [
    (30, torch.float32, True), (31, torch.float32, False), (20, torch.float64, False),
])  # fmt: skip
def test_short_texts_are_attended_to_by_products_while_onednn_multiplies(amd, products, length, dtype, plain):
    model = tiny.model("bert", dtype=dtype)
    before, was = fused(model, length)
    with multiplying_fast():
        assert products.fp32_precision == "bf16"
        inside, is_fused = fused(model, length)
    after, is_again = fused(model, length)
    assert products.fp32_precision == "none"
    assert (was, is_fused, is_again) == (True, not plain, True)
    assert torch.equal(before, after)
    torch.testing.assert_close(inside, before, rtol=1e-5, atol=1e-5)


def test_full_precision_switches_tf32_off_and_on_again():
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    products.fp32_precision = "tf32"
    try:
        with full_precision():
            assert products.fp32_precision == "ieee"
        assert products.fp32_precision == "tf32"
        with full_precision(False):
            assert products.fp32_precision == "tf32"
    finally:
        products.fp32_precision = before


def test_what_a_gpu_gets(tmp_path):
    arguments = training_arguments(TrainConfig.build({"max_steps": 10}), tmp_path, 100)
    assert isinstance(arguments, TrainingArguments)
    assert arguments.optim == "adamw_torch_fused"
    assert arguments.dataloader_pin_memory == CUDA and arguments.use_cpu == (not CUDA) and bool(arguments.tf32) == CUDA


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA, reason="no GPU")
@pytest.mark.parametrize("method", METHODS.names())
def test_a_gpu_gives_the_cpus_gradients(method):
    model, batch = tiny.model("bert"), tiny.batch()
    torch.manual_seed(0)
    loss, norms, exact = gradients(method, model, batch)
    torch.manual_seed(0)
    moved = {name: tensor.cuda() for name, tensor in batch.items()}
    gpu_loss, gpu_norms, found = gradients(method, tiny.model("bert").cuda(), moved)
    torch.testing.assert_close(gpu_loss.cpu(), loss)
    torch.testing.assert_close(gpu_norms.cpu(), norms)
    tiny.assert_same(exact, {name: tensor.cpu() for name, tensor in found.items()}, atol=1e-8)


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA, reason="no GPU")
def test_a_run_on_a_gpu_says_what_it_used(encoder, sentences):
    config = TrainConfig.build(
        {"method": "textat", "dataset": str(sentences), "model": str(encoder), "max_steps": 8, "batch_size": 8}
    )
    done = execute(Store().create(config.as_dict(), status="starting").id)
    assert done.info["device"].startswith("cuda") and done.info["peak_memory_mb"] > 0
    assert Store().figures(done.id)["memory_mb"][-1][1] > 0
