"""Models that are trained briefly once and kept in the cache, so that every page has something real to show."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.home import cache
from engine.runs.config import TrainConfig

_FACTS = "ready.json"


def is_made(name: str) -> bool:
    """Whether a model of this name is kept."""
    return (cache() / "ready" / name / _FACTS).exists()


def ready(
    name: str, config: TrainConfig, metrics: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> tuple[Path, dict[str, Any]]:
    """The folder of a kept model, trained by `config` on first use, and what is known of it.

    Args:
        name: of its folder in the cache.
        metrics: figures of its last evaluation that are kept with it.
        progress: called with (step, steps) while it trains.

    Returns:
        The folder, and `steps`, `dataset` and the metrics.
    """
    folder = cache() / "ready" / name
    facts_file = folder / _FACTS
    if not facts_file.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / "model"
            found = _train(config, made, metrics, progress)
            facts = {"steps": config.max_steps, "dataset": config.dataset, **found}
            (made / _FACTS).write_text(json.dumps(facts))
            shutil.rmtree(folder, ignore_errors=True)
            made.replace(folder)
    return folder, json.loads(facts_file.read_text())


def _train(
    config: TrainConfig, target: Path, metrics: Sequence[str], progress: Callable[[int, int], None] | None
) -> dict[str, float]:
    from transformers import TrainerCallback

    from engine.runs.build import build

    class Steps(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if progress is not None:
                progress(state.global_step, state.max_steps)

    trainer = build(config, target.parent).trainer
    trainer.args.save_strategy = "no"
    trainer.add_callback(Steps())
    trainer.train()
    trainer.save_model(str(target))
    last = next(each for each in reversed(trainer.state.log_history) if f"eval_{metrics[0]}" in each)
    return {metric: float(last[f"eval_{metric}"]) for metric in metrics}
