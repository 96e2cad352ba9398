"""FreeAT: each minibatch is replayed m times, and every backward pass serves θ and δ."""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.base import AscentSettings, Method, Variant
from engine.methods.passes import PerturbedBatch, Report, random_start
from engine.methods.presets import of_scripts, published
from engine.perturbation import ascend, project
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class FreeATSettings(AscentSettings):
    """Settings of FreeAT. `ascent_steps` is m, the number of replays."""

    ascent_steps: int = Field(default=3, ge=1, le=50)
    """Replays m of each minibatch; each takes an optimiser step and an ascent step."""
    random_restart: bool = False
    """Start every minibatch at a new random δ instead of the one that the last minibatch left."""
    start_magnitude: float = Field(default=0.3, ge=0, le=1e6)
    """With random_restart: U(-ε₀, ε₀)/√N (L∞: U(-ε₀, ε₀))."""
    project_start: bool = True
    """With random_restart: keep the start inside the ball."""
    variant: Variant = "paper"
    """code: as FreeLB's published code has FreeAT: a new random start in every minibatch, which may lie outside the ball."""


@METHODS.add
class FreeAT(Method[FreeATSettings]):
    r"""Adversarial training for free (Shafahi et al., NeurIPS 2019).

    Every replay: one backward pass at X + δ gives ∇_θ (an optimiser step) and ∇_δ (an ascent step,
    δ ← Π_ε(δ + α g/‖g‖_F)). δ is carried over to the next minibatch, cropped or zero-padded to its shape, and
    kept in checkpoints. `step` is one replay: feed each minibatch `method.replays` times in a row (the Trainer
    does, and divides the epochs by m). Cost of a minibatch: 3m for m optimiser steps. `random_restart` begins every
    minibatch at a new random δ, as the published FreeLB code's FreeAT does (its presets here; `--adv-steps n` is m = n).

    Settings: epsilon 0.5, step_size 0.05, ascent_steps 3 (m), norm "frobenius" (or "max": L∞), random_restart False (then
    start_magnitude 0.3, project_start True), variant "paper", perturb_special_tokens True. Shapes: δ `[B, L, D]`.

    >>> from engine.methods.freeat import FreeAT
    >>> FreeAT(ascent_steps=4).replays
    4
    """

    name = "freeat"
    year = 2019
    title = "FreeAT"
    reference = "Shafahi et al., NeurIPS 2019"
    equation = (
        r"\theta\leftarrow\theta-\tau\nabla_\theta L(f_\theta(X+\delta),y),\qquad "
        r"\delta\leftarrow\Pi_{\|\delta\|_F\le\epsilon}\left(\delta+\alpha\, g/\|g\|_F\right)\quad(m\ \text{replays})"
    )
    summary = "Replays each batch m times; every backward pass moves the weights and δ at once."
    Settings = FreeATSettings
    presets, preset_runs = of_scripts(
        {
            "RoBERTa-large CoLA": published(1e-05, 3, 0.05, 0.4, 0.2, random_restart=True),
            "RoBERTa-large MNLI": published(1e-05, 2, 0.1, 0.01, 0.2, random_restart=True),
            "RoBERTa-large MRPC": published(5e-06, 3, 0.04, 0.64, 0.4, random_restart=True),
            "RoBERTa-large QNLI": published(1e-05, 2, 0.1, 0.15, 0.15, random_restart=True),
            "RoBERTa-large QQP": published(1e-05, 2, 0.15, 0.32, 0.62, random_restart=True),
            "RoBERTa-large SST-2": published(1e-05, 2, 0.1, 1.0, 0.6, random_restart=True),
            "RoBERTa-large STS-B": published(2e-05, 3, 0.1, 0.16, 0.28, random_restart=True),
        }
    )
    own_state = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Both by the batch's place in an optimiser step (gradient accumulation): δ of the last replay, and which comes next.
        self.carried: dict[int, Tensor] = {}
        self._replay: dict[int, int] = {}

    @property
    def replays(self) -> int:
        """How often each minibatch is fed to `step`: m."""
        return self.settings.ascent_steps

    @property
    def floor(self) -> float:
        """3m per minibatch."""
        return 3.0 * self.replays

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """One replay."""
        replay = self._replay.get(micro_batch, 0)
        delta = self._start_of(replay, micro_batch, batch)
        attempt = batch.forward(delta)
        loss = batch.loss(attempt.logits)
        gradient = batch.backward(loss * scale, attempt)
        report = Report(loss.detach())
        report.record(delta, loss)
        self.carried[micro_batch] = self.ascend(delta, gradient, batch)
        self._replay[micro_batch] = (replay + 1) % self.replays
        return report

    def _start_of(self, replay: int, micro_batch: int, batch: PerturbedBatch) -> Tensor:
        if replay == 0 and (self.settings.random_restart or self.settings.variant == "code"):
            return random_start(batch, self.settings)
        return self._fitted(self.carried.get(micro_batch), batch)

    def _fitted(self, carried: Tensor | None, batch: PerturbedBatch) -> Tensor:
        delta = batch.like.new_zeros(batch.like.shape)
        if carried is not None:
            rows, length = min(len(carried), len(delta)), min(carried.shape[1], delta.shape[1])
            delta[:rows, :length] = carried[:rows, :length].to(delta)
        return project(delta * batch.mask3, self.settings.epsilon, self.settings.norm)

    def ascend(self, state: Tensor, gradient: Tensor, batch: PerturbedBatch) -> Tensor:
        """Slides eq. (2), once per replay."""
        settings = self.settings
        return ascend(state, gradient, step_size=settings.step_size, epsilon=settings.epsilon, norm=settings.norm)

    def state_dict(self) -> dict[str, Tensor]:
        """The carried δ, and which replay of its minibatch each place has come to."""
        state = {f"delta.{place}": delta for place, delta in self.carried.items()}
        return state | {f"replay.{place}": torch.tensor(count) for place, count in self._replay.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
        self.carried, self._replay = {}, {}
        for name, value in state.items():
            kind, place = name.split(".")
            if kind == "delta":
                self.carried[int(place)] = value
            else:
                self._replay[int(place)] = int(value)
