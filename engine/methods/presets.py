"""Settings of published launch scripts (github.com/zhuchen03/FreeLB, fairseq-RoBERTa/launch), as presets."""

from typing import Any


def published(
    learning_rate: float, steps: int, step_size: float, start: float, epsilon: float | None, **more: Any
) -> dict[str, Any]:
    """A published launch script's settings, as a preset; `--max-norm` is ε, `--rand-init-mag` ε₀, δ₀ is not projected.

    Args:
        steps: of the method here (FreeLB's `--adv-steps n` makes n + 1 passes, so K = n + 1; PGD's n ascents, so K = n).
        more: further settings of the method or the run.
    """
    return {
        "ascent_steps": steps, "step_size": step_size, "start_magnitude": start, "epsilon": epsilon,
        "project_start": False, "learning_rate": learning_rate, **more,
    }  # fmt: skip
