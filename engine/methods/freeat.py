"""FreeAT: each minibatch is replayed m times, and every backward pass serves θ and δ."""

from collections.abc import Mapping

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods.base import AscentSettings, Method
from engine.methods.passes import EmbeddedBatch, Report
from engine.perturbation import ascend, project
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class FreeATSettings(AscentSettings):
    """Settings of FreeAT. `ascent_steps` is m, the number of replays."""

    ascent_steps: int = Field(default=3, ge=1, le=50)
    """Replays m of each minibatch; each takes an optimiser step and an ascent step."""


class FreeAT(Method[FreeATSettings]):
    r"""Adversarial training for free (Shafahi et al., NeurIPS 2019).

    Every replay: one backward pass at X + δ gives ∇_θ (an optimiser step) and ∇_δ (an ascent step,
    δ ← Π_ε(δ + α g/‖g‖_F)). δ is carried over to the next minibatch, cropped or zero-padded to its shape, and
    kept in checkpoints. `step` is one replay: feed each minibatch `method.replays` times in a row (the Trainer
    does, and divides the epochs by m). Cost of a minibatch: 3m for m optimiser steps.

    Settings: epsilon 0.5, step_size 0.05, ascent_steps 3 (m), perturb_special_tokens True. Shapes: δ `[B, L, D]`.

    >>> from engine.methods.freeat import FreeAT
    >>> FreeAT(ascent_steps=4).replays
    4
    """

    name = "freeat"
    title = "FreeAT"
    reference = "Shafahi et al., NeurIPS 2019"
    equation = (
        r"\theta\leftarrow\theta-\tau\nabla_\theta L(f_\theta(X+\delta),y),\qquad "
        r"\delta\leftarrow\Pi_{\|\delta\|_F\le\epsilon}\left(\delta+\alpha\, g/\|g\|_F\right)\quad(m\ \text{replays})"
    )
    summary = "Replays each batch m times; every backward pass moves the weights and δ at once."
    Settings = FreeATSettings
    own_state = True

    # δ of the last replay, one per place in an optimiser step under gradient accumulation.
    _carried: dict[int, Tensor]

    @property
    def carried(self) -> dict[int, Tensor]:
        """δ left by the last replay, by micro-batch."""
        if "_carried" not in self.__dict__:
            self._carried = {}
        return self._carried

    @property
    def replays(self) -> int:
        """M."""
        return self.settings.ascent_steps

    @property
    def floor(self) -> float:
        """3m per minibatch."""
        return 3.0 * self.replays

    def accumulate(self, batch: EmbeddedBatch, scale: float, micro_batch: int) -> Report:
        """One replay."""
        delta = self._fitted(self.carried.get(micro_batch), batch)
        attempt = batch.forward(delta)
        loss = batch.losses(attempt.logits).mean()
        gradient = batch.backward(loss * scale, attempt)
        report = Report(loss.detach())
        report.record(delta, loss)
        self.carried[micro_batch] = self.ascend(delta, gradient, batch)
        return report

    def _fitted(self, carried: Tensor | None, batch: EmbeddedBatch) -> Tensor:
        delta = batch.embeddings.new_zeros(batch.embeddings.shape)
        if carried is not None:
            rows, length = min(len(carried), len(delta)), min(carried.shape[1], delta.shape[1])
            delta[:rows, :length] = carried[:rows, :length].to(delta)
        return project(delta * batch.mask3, self.settings.epsilon)

    def ascend(self, state: Tensor, gradient: Tensor, batch: EmbeddedBatch) -> Tensor:
        """Slides eq. (2), once per replay."""
        return ascend(state, gradient, step_size=self.settings.step_size, epsilon=self.settings.epsilon)

    def state_dict(self) -> dict[str, Tensor]:
        """The carried δ."""
        return {f"delta.{place}": delta for place, delta in self.carried.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back the carried δ."""
        self._carried = {int(name.removeprefix("delta.")): delta for name, delta in state.items()}
