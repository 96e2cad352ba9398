"""Equal cost instead of equal steps: how long a run may be for so many forward passes."""

from dataclasses import replace

from engine.errors import UserError
from engine.methods import get_method
from engine.runs.config import TrainConfig


def passes_of_step(config: TrainConfig) -> float:
    """What an optimiser step of a run costs at least, in forward passes of a minibatch (the method's floor)."""
    # Whether special tokens are perturbed changes no cost, and would need a tokenizer.
    values = {name: value for name, value in config.method_settings.items() if name != "perturb_special_tokens"}
    made = get_method(config.method)(**values)
    return made.floor / made.replays * config.gradient_accumulation


def within(budget: float | None, config: TrainConfig) -> TrainConfig:
    """The configuration with as many steps as a budget allows (None: as it is).

    Raises:
        UserError: it does not allow one.
    """
    if budget is None:
        return config
    cost = passes_of_step(config)
    steps = int(budget // cost)
    if not steps:
        raise UserError(
            f"A budget of {budget:g} forward passes allows no step of {config.method}, which costs {cost:g}."
        )
    return replace(config, max_steps=steps)
