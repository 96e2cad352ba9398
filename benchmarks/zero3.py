"""One step of every method with weights spread by DeepSpeed's ZeRO-3, beside the same step with whole weights.

    pip install deepspeed
    torchrun --nproc-per-node 2 benchmarks/zero3.py              # one step, beside whole weights
    torchrun --nproc-per-node 2 benchmarks/zero3.py --trainer ddp    # losses of a training, weights whole in both processes,
    torchrun --nproc-per-node 2 benchmarks/zero3.py --trainer zero3  # … and spread

The first prints, for every method and site, the difference of the losses and the largest of the gradients, in float32 (on
CPUs with gloo); the others the losses and the gradients' norms of `AdversarialTrainer`, which are to be the same. DeepSpeed
is no requirement of the project: it is tried here alone.
"""

import copy
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DS_ACCELERATOR", "cpu")

import deepspeed
from deepspeed.utils import safe_get_full_grad

from engine import distributed
from engine.methods import METHODS
from tests import tiny

CONFIG = {
    "train_micro_batch_size_per_gpu": 2,
    "zero_optimization": {"stage": 3, "stage3_param_persistence_threshold": 0},
    "zero_force_ds_cpu_optimizer": False,
    "zero_allow_untested_optimizer": True,
}


# What transformers fills in from its own arguments.
AUTOMATIC = CONFIG | dict.fromkeys(
    ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping"), "auto"
)


def differences(method, settings: dict, own: dict) -> tuple[float, float]:
    """(of the loss, the largest of the gradients averaged over the processes)."""
    whole = tiny.model(dtype=torch.float32)
    spread = copy.deepcopy(whole)
    optimizer = torch.optim.SGD(spread.parameters(), lr=0.1)
    engine, *_ = deepspeed.initialize(model=spread, optimizer=optimizer, config=CONFIG)
    losses = []
    for model, options in ((whole, {}), (engine, {"backward": engine.backward})):
        torch.manual_seed(5)
        losses.append(float(method(tokenizer=tiny.TOKENIZER, **settings).step(model, own, **options).loss))
    found = [safe_get_full_grad(each) for each in engine.module.parameters()]
    expected = [torch.zeros_like(each) if each.grad is None else each.grad for each in whole.parameters()]
    distributed.average(expected)
    apart = [float((a - b).abs().max()) for a, b in zip(expected, found, strict=True)]
    return abs(losses[0] - losses[1]), max(apart)


def trained(spread: bool) -> None:
    """The losses of every method under a Trainer; FreeLB with accumulation."""
    import tempfile

    from transformers import TrainingArguments
    from transformers.integrations import deepspeed as integration

    from engine.data.encoding import collator, encode
    from engine.data.files import load_file
    from engine.models import load_model
    from engine.trainer import AdversarialTrainer

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tiny.save_encoder(folder / "encoder")
        (folder / "sentences.tsv").write_text(tiny.sentences(240))
        data = load_file(folder / "sentences.tsv")
        for method in (each for each in METHODS.all() if not (each.moves_weights and spread)):
            integration.unset_hf_deepspeed_config()
            loaded = load_model(str(folder / "encoder"), data.task)
            for module in loaded.module.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
            arguments = TrainingArguments(
                output_dir=str(folder / "out"), max_steps=4, per_device_train_batch_size=8, learning_rate=1e-3, use_cpu=True,
                gradient_accumulation_steps=2 if method.name == "freelb" else 1, report_to=[], logging_steps=1,
                save_strategy="no", disable_tqdm=True, dataloader_pin_memory=False, seed=0,
                deepspeed=AUTOMATIC if spread else None,
            )  # fmt: skip
            trainer = AdversarialTrainer(
                loaded.model, arguments, data_collator=collator(loaded.tokenizer), processing_class=loaded.tokenizer,
                train_dataset=encode(data.splits["train"], loaded.tokenizer, data.task, 32), method=method(tokenizer=loaded.tokenizer),
            )  # fmt: skip
            trainer.train()
            if trainer.is_world_process_zero():
                said = [
                    f"{each['loss']:.7f} ({each['grad_norm']:.7f})"
                    for each in trainer.state.log_history
                    if "loss" in each
                ]
                print(f"{method.name}: {', '.join(said)}", flush=True)


def main() -> None:
    """Every method, at the words and at a layer."""
    if "--trainer" in sys.argv:
        os.environ["ACCELERATE_USE_CPU"] = "true"
        trained(sys.argv[-1] == "zero3")
        return
    deepspeed.init_distributed("gloo")
    half = slice(2 * dist.get_rank(), 2 * dist.get_rank() + 2)
    own = {name: each[half] for name, each in tiny.batch().items()}
    for method in (each for each in METHODS.all() if not each.moves_weights):
        for site in ("embeddings", "layer:1") if method.takes_sites() else ("embeddings",):
            loss, gradient = differences(method, {"site": site} if method.takes_sites() else {}, own)
            if distributed.is_first():
                print(f"{method.name} {site}: loss {loss:.1e}, gradients {gradient:.1e}", flush=True)
    distributed.leave()


if __name__ == "__main__":
    main()
