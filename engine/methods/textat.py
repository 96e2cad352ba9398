"""TextAT: FreeLB with a perturbation per token that accumulates over the whole training."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.methods import METHODS
from engine.methods.base import Variant
from engine.methods.freelb import FreeLB, FreeLBSettings
from engine.methods.passes import PerturbedBatch, random_start
from engine.methods.presets import Presets
from engine.methods.token_table import TokenTable
from engine.perturbation import shrink_factor, token_norms, unit_example, unit_token
from engine.settings import CONFIG
from engine.sites import EMBEDDINGS


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class TextATSettings(FreeLBSettings):
    """Settings of TextAT. α moves every token, so the sentence by α√L: smaller values than FreeLB's."""

    epsilon: float | None = Field(default=0.3, ge=0, le=1e6)
    """Radius ε of the ball that δ + η stays in (embedding units, per sentence). None: no projection."""
    step_size: float = Field(default=0.02, ge=0, le=1e6)
    """Ascent step size α: of δ per sentence, of η per token, in embedding units."""
    start_magnitude: float = Field(default=0.1, ge=0, le=1e6)
    """Starts: δ at U(-ε₀, ε₀)/√N, rows of Z at U(-ε₀, ε₀)/√D."""
    norm: Literal["frobenius"] = "frobenius"
    """The ball's norm; the joint projection of δ + η is Frobenius's alone."""
    site: str = Field(default=EMBEDDINGS, json_schema_extra={"const": EMBEDDINGS})
    """Z holds perturbations of words: they enter at the word embeddings, at no layer."""
    table_update: Literal["mean", "add"] = "mean"
    """How a token's occurrences in a batch enter Z: their mean, or (published code) their sum added to Z. With add, rows
    of Z are kept in the ball of radius ε too, and epsilon must be given: otherwise Z would grow without bound."""

    variant: Variant = "paper"
    """code: as the published code: η₀ divided by the norm of the batch's rows, K losses summed, K - 1 ascents, Z gets their sum, padding
    is moved too, new dropout masks, no projection of the start."""

    @field_validator("site")
    @classmethod
    def _of_words(cls, given: str) -> str:
        if given != EMBEDDINGS:
            raise ValueError(f"site: TextAT's table belongs to the word embeddings, not to {given[:20]!r}.")
        return given

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.table_update == "add" and self.epsilon is None:
            raise ValueError(
                "table_update add needs an epsilon: without one a row of Z doubles whenever its token is met."
            )
        return self


@METHODS.add
class TextAT(FreeLB):
    r"""Adversarial training with token-aware perturbation (Li and Qiu 2020; slides eq. (3), (4)).

    Two perturbations: δ per instance (as in FreeLB) and η per token. η_0^i ← Z[w_i] from the global table
    Z ∈ R^{V×D}, started at U(-ε_0, ε_0)/√D. K passes at X + δ + η, gradients averaged as in FreeLB. Ascent:
    δ ← δ + α g/‖g‖_F per example; η^i ← n^i (η^i + α g^i/‖g^i‖_2) with n^i = ‖η^i‖ / max_j ‖η^j‖ of the ascended
    η; then ‖δ + η‖_F ≤ ε scales both. After K steps Z[w_i] ← η_K^i, the mean over a token's occurrences in the
    batch (`table_update="add"`: the published code's sum, with ‖Z[w]‖ ≤ ε, since the sum has no bound of its own). With
    epsilon None a row can grow by Kα per batch. Cost of a step: 3K.

    Published code (`variant="code"`; github.com/LinyangLee/Token-Aware-VAT): η_0 = Z[w]/‖Z[w] of the whole batch‖_F, padding included,
    whose rows move with the others; the K losses are summed; K - 1 ascents; Z[w] += η_{K-1}, without a bound (what is read is divided
    by its norm). The η of an example then depends on its batch.

    Settings: those of FreeLB, but epsilon 0.3, step_size 0.02, start_magnitude 0.1, norm "frobenius" alone; and
    table_update "mean". Shapes: δ, η `[B, L, D]`, Z `[V, D]` (only touched rows).

    >>> from engine.methods.textat import TextAT
    >>> TextAT(ascent_steps=2).floor
    6.0
    """

    name = "textat"
    year = 2020
    title = "TextAT"
    reference = "Li and Qiu, arXiv 2004.14543, eq. (3) and (4)"
    equation = (
        r"\eta_0^i\leftarrow Z[w_i],\quad \eta_t^i=n^i\left(\eta_{t-1}^i+\alpha\, g^i/\|g^i\|_2\right),\;"
        r"n^i=\frac{\|\eta^i\|}{\max_j\|\eta^j\|},\quad \|\delta_t+\eta_t\|_F\le\epsilon,\quad Z[w_i]\leftarrow\eta_K^i"
    )
    summary = "FreeLB with a memory: each token keeps the perturbation that it gathered over the whole training."
    Settings = TextATSettings
    presets: ClassVar[Presets] = {}
    preset_runs: ClassVar[Presets] = {}
    settings: TextATSettings
    table: TokenTable | None = None
    _pending: Mapping[str, Tensor] | None = None

    @property
    def reach(self) -> float | None:
        """Not known: η grows from batch to batch."""
        return None

    @property
    def keeps_last_ascent(self) -> bool:
        """K ascents; in the published code K - 1."""
        return self.settings.variant == "paper"

    @property
    def share(self) -> float:
        """1/K; in the published code the losses are summed."""
        return super().share if self.settings.variant == "paper" else 1.0

    def start(self, batch: PerturbedBatch) -> tuple[Tensor, Tensor]:
        """(δ_0, η_0), jointly inside the ball."""
        if self.table is None:
            self.table = TokenTable(
                batch.vocabulary_size,
                batch.like.shape[-1],
                magnitude=self.settings.start_magnitude,
                seed=self.seed,
                like=batch.like,
            )
            if self._pending is not None:
                self.table.load_state_dict(self._pending)
        settings = self.settings
        delta = random_start(batch, replace(settings, project_start=False))
        eta = self.table.look_up(batch.ids, self._moved(batch))
        if settings.variant == "code":
            return delta, eta / eta.norm().clamp_min(torch.finfo(eta.dtype).tiny)
        return self._inside(delta, eta) if settings.project_start else (delta, eta)

    def _moved(self, batch: PerturbedBatch) -> Tensor:
        """Which tokens have an η."""
        return batch.mask if self.settings.variant == "paper" else torch.ones_like(batch.mask)

    def total(self, state: tuple[Tensor, Tensor]) -> Tensor:
        """δ + η."""
        return state[0] + state[1]

    def ascend(self, state: tuple[Tensor, Tensor], gradient: Tensor, batch: PerturbedBatch) -> tuple[Tensor, Tensor]:
        """Slides eq. (3), (4)."""
        alpha = self.settings.step_size
        delta = state[0] + alpha * unit_example(gradient)
        eta = state[1] + alpha * unit_token(gradient)
        norms = token_norms(eta)
        largest = norms.amax(dim=-1, keepdim=True)
        scale = norms / largest.where(largest > 0, largest.new_ones(()))
        return self._inside(delta, eta * scale[..., None])

    def _inside(self, delta: Tensor, eta: Tensor) -> tuple[Tensor, Tensor]:
        if self.settings.epsilon is None:
            return delta, eta
        factor = shrink_factor(delta + eta, self.settings.epsilon)
        return delta * factor, eta * factor

    def keep(self, state: tuple[Tensor, Tensor], batch: PerturbedBatch) -> None:
        """Z[w_i] ← η_K^i; with `add` Z[w_i] += η_K^i, inside the ball."""
        assert self.table is not None
        code = self.settings.variant == "code"
        add = code or self.settings.table_update == "add"
        bound = self.settings.epsilon if add and not code else None
        self.table.write(batch.ids, self._moved(batch), state[1], add=add, bound=bound)

    def state_dict(self) -> dict[str, Tensor]:
        """The touched rows of Z."""
        return self.table.state_dict() if self.table is not None else {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back Z; it is put into place when the model is next seen."""
        self.table, self._pending = None, dict(state) or None
