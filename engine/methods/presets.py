"""Settings of published launch scripts (github.com/zhuchen03/FreeLB, fairseq-RoBERTa/launch), as presets."""

from collections.abc import Mapping
from typing import Any

RUN = ("learning_rate", "batch_size")  # Of a preset: what is the run's, not the method's.
Presets = Mapping[str, Mapping[str, Any]]


def published(
    learning_rate: float, steps: int, step_size: float, start: float, epsilon: float | None, **more: Any
) -> dict[str, Any]:
    """A launch script's settings; `--max-norm` is ε, `--rand-init-mag` ε₀, δ₀ is not projected.

    Args:
        steps: of the method here (FreeLB's `--adv-steps n` makes n + 1 passes, so K = n + 1; PGD's n ascents, so K
            = n; FreeAT's n replays, so m = n).
        more: further settings of the method or the run.
    """
    return {
        "ascent_steps": steps, "step_size": step_size, "start_magnitude": start, "epsilon": epsilon,
        "project_start": False, "learning_rate": learning_rate, **more,
    }  # fmt: skip


def of_scripts(scripts: Presets) -> tuple[Presets, Presets]:
    """The presets by name, taken apart: the settings of the method, and those of the run."""
    own = {name: {key: value for key, value in each.items() if key not in RUN} for name, each in scripts.items()}
    return own, {name: {key: each[key] for key in RUN if key in each} for name, each in scripts.items()}
