"""`AdversarialTrainer`: `transformers.Trainer` with its training step handed to a method.

All else is Trainer's: schedules, clipping, accumulation, mixed precision, checkpoints, several devices.
"""

import copy
import logging
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader

from engine import distributed
from engine.adapters import is_adapted, save_adapted
from engine.errors import NonFiniteLoss
from engine.methods import get_method
from engine.methods.base import Method
from engine.methods.losses import mean_loss
from engine.ordering import ReplaySampler, SeededTrainer

METHOD_FILE = "method.safetensors"


class AdversarialTrainer(SeededTrainer):
    """A `Trainer` that fine-tunes with an adversarial method.

    Args:
        method: a method's name (`"freelb"`) or an instance (`FreeLB(ascent_steps=2)`).

    Everything else is as in `transformers.Trainer`. The loss is the task's own (cross-entropy, squared error, with
    `label_smoothing_factor`); a `compute_loss_func` is refused, since a method decides what is minimised.

    With FreeAT each minibatch is replayed m times and `num_train_epochs` is divided by m, so the cost is vanilla's.

    Under a launcher of several processes (DDP) the passes of a batch stay local and the gradients are averaged once. FSDP2
    (`fsdp_config={"fsdp_version": 2, …}`) and DeepSpeed spread the weights over the processes.

    Raises:
        ValueError: a `compute_loss_func`, or FSDP1.
        NonFiniteLoss: the loss became NaN or infinite; a checkpoint of the last good weights is kept.
    """

    def __init__(self, *args: Any, method: str | Method[Any] = "freelb", **kwargs: Any) -> None:
        if kwargs.get("compute_loss_func") is not None:
            raise ValueError("compute_loss_func cannot be used: the method decides what is minimised")
        super().__init__(*args, **kwargs)
        if self.is_fsdp_enabled and not self.accelerator.is_fsdp2:
            raise ValueError("of sharded training FSDP2 (fsdp_version 2) and DeepSpeed are supported, not FSDP1")
        if self.args.fsdp and not self.is_fsdp_enabled:
            logging.getLogger(__name__).warning("FSDP was asked for, but accelerate shards nothing here: this is DDP.")
        if isinstance(method, str):
            method = get_method(method)(tokenizer=self.processing_class, seed=self.args.seed)
        self.method = method
        self._micro_batch = 0
        self._figures: dict[str, torch.Tensor] = {}
        if method.replays > 1:
            self.args = copy.copy(self.args)  # The caller's own arguments stay as they are.
            self.args.num_train_epochs /= method.replays

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Hand one micro-batch to the method; returns the loss it minimised, scaled for accumulation."""
        model.train()
        inputs = self._prepare_inputs(inputs)
        scale = 1.0 / self.current_gradient_accumulation_steps
        # Several processes: all passes of an optimiser step are local, then the gradients are averaged once. With FSDP2 no
        # process holds all of them: every backward pass averages its own, and so it is with DeepSpeed.
        sharded = self.is_fsdp_enabled or self.is_deepspeed_enabled
        with nullcontext() if sharded else self.accelerator.no_sync(model):
            report = self.method.step(
                model,
                inputs,
                scale=scale,
                micro_batch=self._micro_batch,
                backward=self._backward(),
                label_smoothing=self.args.label_smoothing_factor,
            )
        if self.is_deepspeed_enabled and self.accelerator.sync_gradients:
            self.accelerator.deepspeed_engine_wrapped.engine.step()
        shared = report.loss.clone()
        local = self.accelerator.sync_gradients and not sharded
        ready = model.parameters() if local else ()
        distributed.average([*(each.grad for each in ready if each.grad is not None), shared])
        if not torch.isfinite(shared):
            self._stop_unstable(model, float(shared))
        self._micro_batch = 0 if self.accelerator.sync_gradients else self._micro_batch + 1
        self._figures = report.scalars()
        return report.loss * scale

    def _backward(self) -> Callable[[torch.Tensor], None]:
        """A backward pass. With DeepSpeed accelerate's own ends the optimiser's step, of which a method makes several passes."""
        if not self.is_deepspeed_enabled:
            return self.accelerator.backward
        engine = self.accelerator.deepspeed_engine_wrapped.engine
        engine.set_gradient_accumulation_boundary(is_boundary=self.accelerator.sync_gradients)
        return partial(engine.backward, scale_wrt_gas=False)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The task's loss without δ, of evaluations: that of the methods. Trainer's own is the sum over the processes."""
        labels = inputs["labels"]
        outputs = model(**{name: each for name, each in inputs.items() if name != "labels"})
        loss = mean_loss(self.accelerator.unwrap_model(model), outputs.logits, labels, self.args.label_smoothing_factor)
        return (loss, outputs) if return_outputs else loss

    def _stop_unstable(self, model: torch.nn.Module, loss: float) -> None:
        model.zero_grad()
        if all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
            self._save_checkpoint(model, trial=None)
        raise NonFiniteLoss(
            f"The loss became {loss} at step {self.state.global_step + 1}. The last checkpoint with finite weights is"
            " kept. Try a lower learning rate, a smaller epsilon or step_size, or fp32 precision."
        )

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the method's figures (mean ‖δ‖_F, KL, …) of the last step to what is logged with the loss."""
        if "loss" in logs:
            logs |= {name: float(value) for name, value in self._figures.items()}
        super().log(logs, *args, **kwargs)

    @property
    def _replays(self) -> int:
        return self.method.replays

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Trainer's; with FreeAT, one that repeats each batch m times."""
        if self.method.replays == 1:
            return super().get_train_dataloader()
        batches = ReplaySampler(
            self._get_train_sampler(),
            self._train_batch_size,
            self.args.dataloader_drop_last,
            replays=self.method.replays,
            accumulation=self.args.gradient_accumulation_steps,
            processes=self.args.world_size,
        )
        dataset: Any = self.train_dataset
        collate = self.data_collator
        if isinstance(dataset, datasets.Dataset):
            dataset = self._remove_unused_columns(dataset, description="training")
        else:
            collate = self._get_collator_with_removed_columns(collate, description="training")
        loader = DataLoader(
            dataset,
            batch_sampler=batches,
            collate_fn=collate,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Trainer's; of a model with adapters, but for checkpoints, the whole model and the adapter in `adapter/`."""
        if not _internal_call and output_dir is not None and is_adapted(self.model):
            if self.args.should_save:
                save_adapted(self.model, Path(output_dir))
                if self.processing_class is not None:
                    self.processing_class.save_pretrained(output_dir)
        else:
            super().save_model(output_dir, _internal_call)

    # The method's own state lies in every checkpoint, beside the optimiser's.

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save or self.method.own_state:
            self.save_method(Path(output_dir))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and (file := Path(checkpoint) / self._method_file).exists():
            state = load_file(file)
            self.method.load_state_dict({name: tensor.to(self.args.device) for name, tensor in state.items()})

    @property
    def _method_file(self) -> str:
        own = self.method.own_state and not self.is_world_process_zero()
        return f"{self.args.process_index}-{METHOD_FILE}" if own else METHOD_FILE

    def save_method(self, folder: Path) -> None:
        """Write what the method keeps (TextAT's table, FreeAT's δ) to `folder/method.safetensors`, if anything.

        FreeAT's δ is each process's own: those after the first write `1-method.safetensors`, …
        """
        state = self.method.state_dict()
        if state:
            folder.mkdir(parents=True, exist_ok=True)
            save_file(
                {name: tensor.detach().contiguous().cpu() for name, tensor in state.items()},
                folder / self._method_file,
            )
