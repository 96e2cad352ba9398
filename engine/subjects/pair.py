"""The ELECTRA pair that an analysis looks at: a run's, or a ready-made one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.digests import digest_of
from engine.errors import UserError
from engine.models import best_device
from engine.objectives.electra_pair import HEAD_FILE, load_pair
from engine.progress import Progress
from engine.runs.config import TrainConfig
from engine.runs.ready import is_made, ready
from engine.runs.run import RUN
from engine.runs.store import Store

READY_STEPS = 200
READY_DATASET = "movie-sentiment"
SECONDS = 210.0  # That making it takes, on two cores.
# Its generator starts from the encoder's own layers: so few texts teach new ones little more than which words are frequent. Measured
# with `python -m engine train --method electra --dataset movie-sentiment --set learning_rate=3e-4 --set evaluations=…`: the masked
# token is among its first five guesses at 0.186 of the places after 100 steps, 0.198 after 200, 0.220 after 700; with
# `--set generator_size=1 --set generator_start=model` at 0.249, 0.346 and, after 300, 0.366.
READY = {
    "method": "electra", "dataset": READY_DATASET, "max_steps": READY_STEPS, "evaluations": 1, "learning_rate": 3e-4,
    "method_settings": {"generator_size": 1.0, "generator_start": "model"},
}  # fmt: skip
_NAME = f"electra-5-minilm-{READY_DATASET}-{READY_STEPS}"


@dataclass
class Pair:
    """A generator and a discriminator that can be looked at. `origin`: for people, where they are from; `reference`:
    how to get them again.
    """

    module: Any
    tokenizer: Any
    origin: str
    fingerprint: str
    reference: str = ""

    @property
    def device(self) -> torch.device:
        """The device that the models are on."""
        return next(self.module.parameters()).device

    def judged(self, ids: Tensor, batch: Mapping[str, Tensor]) -> list[float]:
        """The discriminator's probability that each token of one text was replaced, [L]."""
        with torch.no_grad():
            verdicts: list[float] = self.module.detect(ids, **batch).sigmoid()[0].tolist()
        return verdicts


def is_ready() -> bool:
    """Whether the ready-made pair has been made: else loading it takes minutes."""
    return is_made(_NAME)


def load_electra(run: str | None = None, progress: Progress = None) -> Pair:
    """The pair of a finished ELECTRA run, or the ready-made one (pre-trained briefly once, then kept).

    Raises:
        UserError: no such run, or not a finished ELECTRA run.
    """
    if run is not None:
        record = Store().find(run)
        if record.config["method"] != "electra" or not (record.model_folder / HEAD_FILE).exists():
            raise UserError(f"{record.id} is no finished ELECTRA run ({record.config['method']}, {record.status}).")
        folder, origin = record.model_folder, f"run {record.id} {_quality(record.metrics)}"
    else:
        folder, facts = ready(_NAME, TrainConfig.build(READY), ("auc", "generator_top5"), progress)
        origin = f"minilm and a generator that started as a copy of it, {facts['steps']} steps on {facts['dataset']}"
        origin += f" {_quality(facts)}"
    module, tokenizer = load_pair(folder)
    weights = digest_of(sorted(folder.rglob("*.safetensors")))[:16]
    return Pair(module.to(best_device()), tokenizer, origin, weights, f"{RUN}{run}" if run else "")


def _quality(metrics: Mapping[str, Any]) -> str:
    """How good a pair is on validation texts, in words."""
    said = f"(on validation texts: discriminator's AUC {metrics.get('auc', 0.5):.3f}"
    if (found := metrics.get("generator_top5")) is not None:
        said += f"; the masked token is among the generator's first five guesses at {found:.0%} of the places"
    return said + ")"
