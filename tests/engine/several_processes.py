"""Trains with every method and writes what came of it; `test_distributed.py` starts it in one and in two processes.

torchrun --nproc-per-node 2 tests/engine/several_processes.py FOLDER BATCH_SIZE
"""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from transformers import TrainingArguments

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine import distributed
from engine.data.encoding import collator, encode
from engine.data.files import load_file
from engine.methods import METHODS, get_method
from engine.models import load_model
from engine.trainer import AdversarialTrainer


def main(folder, batch_size):
    distributed.join()
    exchanges = []
    if distributed.processes() > 1:
        plain = dist.all_reduce
        dist.all_reduce = lambda tensor, *args, **kwargs: (
            exchanges.append(tensor.numel()),
            plain(tensor, *args, **kwargs),
        )[1]
    data = load_file(folder / "sentences.tsv")
    told = {}
    for name in METHODS.names():
        loaded = load_model(str(folder / "encoder"), data.task, 0)
        for module in loaded.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        exchanges.clear()
        accumulated = 2 if name == "freelb" else 1
        trainer = AdversarialTrainer(
            loaded.model,
            TrainingArguments(
                output_dir=str(folder / f"out-{name}"), max_steps=6, per_device_train_batch_size=batch_size // accumulated,
                gradient_accumulation_steps=accumulated, learning_rate=1e-3, use_cpu=True, report_to=[],
                train_sampling_strategy="group_by_length", length_column_name="length", logging_steps=1,
                save_strategy="steps", save_steps=3, disable_tqdm=True, dataloader_pin_memory=False, seed=0,
            ),
            eval_dataset=encode(data.splits["validation"], loaded.tokenizer, data.task, 32),
            train_dataset=encode(data.splits["train"], loaded.tokenizer, data.task, 32),
            data_collator=collator(loaded.tokenizer), processing_class=loaded.tokenizer,
            method=get_method(name)(seed=0, tokenizer=loaded.tokenizer, **({"ascent_steps": 3} if "ascent_steps" in get_method(name).Settings.names() else {})),
        )  # fmt: skip
        trainer.train()
        told[name] = {
            "losses": [each["loss"] for each in trainer.state.log_history if "loss" in each],
            "evaluated": trainer.evaluate()["eval_loss"],
            "norms": [each.get("grad_norm") for each in trainer.state.log_history if "loss" in each],
            "exchanges": list(exchanges),
            "parameters": sum(each.numel() for each in loaded.model.parameters()),
        }
        if name == "textat":
            order = trainer.method.table.tokens.argsort()
            table = {
                key: value[order] for key, value in trainer.method.state_dict().items() if key != "vocabulary_size"
            }
            save_file(table, folder / f"table-{distributed.processes()}-{trainer.args.process_index}.safetensors")
        if distributed.is_first():
            weights = {key: tensor.detach().clone().contiguous() for key, tensor in trainer.model.named_parameters()}
            save_file(weights, folder / f"{name}-{distributed.processes()}.safetensors")
    if distributed.is_first():
        (folder / f"told-{distributed.processes()}.json").write_text(json.dumps(told))
    distributed.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
