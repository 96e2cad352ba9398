"""`ObjectiveTrainer`: `transformers.Trainer` for a pre-training objective."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor
from torch.utils.data import DataLoader

from engine.errors import NonFiniteLoss
from engine.objectives.base import Objective
from engine.ordering import SeededTrainer

WEIGHTS = "model.safetensors"
EVALUATION_SEED = 7  # The same masks at every evaluation: their curves can be compared.


class ObjectiveTrainer(SeededTrainer):
    """A `Trainer` whose loss is an objective's. Data sets need `input_ids` and `word_ids` (see `encode_words`).

    Checkpoints hold the whole module (ELECTRA: the generator too); `save_model` saves what the objective keeps.
    """

    objective: Objective

    def __init__(self, objective: Objective, *args: Any, **kwargs: Any) -> None:
        kwargs["data_collator"] = objective.collator.pad
        super().__init__(objective.module, *args, **kwargs)
        self.objective = objective
        self.model_accepts_loss_kwargs = False  # Its forward takes any keyword; the loss is a plain mean.
        self._figures: dict[str, Tensor] = {}

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The objective's loss; its figures are kept for the log."""
        loss, figures = self.objective.loss(model, inputs)
        if not torch.isfinite(loss):
            raise NonFiniteLoss(
                f"The loss became {float(loss)} at step {self.state.global_step + 1}. Lower the learning rate; the last"
                " checkpoint is kept."
            )
        self._figures = {name: value for name, value in figures.items() if len(value)}
        return loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the objective's figures of the last step to what is logged with the loss."""
        if "loss" in logs:
            logs |= {name: float(value.mean()) for name, value in self._figures.items() if name != "verdicts"}
        super().log(logs, *args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Loss and metrics over the evaluation set, with the same masks every time; each process does all of it."""
        model: Any = self.model
        total, batches = 0.0, 0
        collected: dict[str, list[Tensor]] = defaultdict(list)
        model.eval()
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(EVALUATION_SEED)
            texts: Any = self.eval_dataset
            for batch in DataLoader(texts, self.args.eval_batch_size, collate_fn=self.data_collator):
                loss, figures = self.objective.loss(model, self._prepare_inputs(batch))
                total, batches = total + float(loss), batches + 1
                for name, value in figures.items():
                    collected[name].append(value.float().cpu())
        model.train()
        metrics = self.objective.metrics({name: torch.cat(values) for name, values in collected.items()})
        found = {f"eval_{name}": value for name, value in {"loss": total / max(1, batches), **metrics}.items()}
        self.log(found)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
        return found

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The encoder, ready for `AutoModel`; inside a checkpoint, the whole module."""
        folder = Path(str(output_dir or self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        if _internal_call:
            save_model(self.accelerator.unwrap_model(self.model), str(folder / WEIGHTS))  # Knows shared tensors.
        else:
            self.objective.save(folder)

    def save_method(self, folder: Path) -> None:
        """Nothing is kept between batches."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_model(self.accelerator.unwrap_model(self.model), str(Path(resume_from_checkpoint) / WEIGHTS))
