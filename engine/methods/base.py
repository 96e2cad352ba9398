"""What a method is. The loop around any of them:

method = get_method("freelb")(ascent_steps=3)
for batch in batches:
    for _ in range(method.replays):             # 1 for all but FreeAT
        report = method.step(model, batch)      # leaves gradients in p.grad
        optimizer.step(); optimizer.zero_grad()
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from engine.errors import UserError, known
from engine.methods.passes import Pass, PerturbedBatch, Report
from engine.methods.precision import full_precision
from engine.methods.presets import Presets
from engine.registry import Recipe
from engine.settings import CONFIG, Settings
from engine.sites import EMBEDDINGS, SiteName

S = TypeVar("S", bound=Settings)
Variant = Literal[
    "paper", "code"
]  # What a method follows where the paper and its published code differ (docs/variants.md).


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class AscentSettings(Settings):
    """What every method that ascends has."""

    epsilon: float | None = Field(default=0.5, ge=0, le=1e6)
    """Radius ε of the ball that δ stays in (embedding units, per sentence; FreeLB's scripts: none, QQP 0.7).
    None: no projection."""
    step_size: float = Field(default=0.05, ge=0, le=1e6)
    """Ascent step size α (adv_lr), in embedding units (FreeLB's scripts: 0.025 to 0.2)."""
    ascent_steps: int = Field(default=3, ge=1, le=50)
    """Ascent steps K per batch."""
    norm: Literal["frobenius", "max"] = "frobenius"
    """The ball's norm: frobenius (of the whole sentence) or max (L∞: ε bounds every coordinate)."""
    perturb_special_tokens: bool = True
    """Perturb [CLS] and [SEP] too, as the papers do."""
    site: SiteName = EMBEDDINGS
    """Where δ enters: embeddings (the papers' word embeddings), or layer:N, the hidden states that go into block N (from 0).
    ε and α are in that place's units."""


class Method(Recipe, ABC, Generic[S]):
    """One way to fine-tune. It works on any model with a look-up of words or a row of blocks, with or without a Trainer.

    Args:
        settings: an instance of the method's `Settings`; or give single settings by name.
        tokenizer: the model's, needed when `perturb_special_tokens` is off, and by a method that looks for words.
        seed: of whatever the method keeps between batches (TextAT's table).
    """

    Settings: type[S]
    presets: ClassVar[Presets] = {}  # Published settings of the method by name, …
    preset_runs: ClassVar[Presets] = {}  # … and what those runs had besides (learning rate, batch size).
    own_state: ClassVar[bool] = False  # Whether `state_dict` differs between processes that train together.
    perturbs: ClassVar[bool] = True  # Whether it climbs with a δ.
    moves_weights: ClassVar[bool] = False  # Whether it looks at the model with other weights on the way.
    takes_gradient: ClassVar[bool] = True  # Whether its ascent looks at ∇_δ.
    takes_hidden: ClassVar[bool] = False  # Whether its ascent looks at hidden states.
    takes_differences: ClassVar[bool] = False  # Of nearly equal outputs: all its passes run in full precision.

    def __init__(self, settings: S | None = None, *, tokenizer: Any = None, seed: int = 0, **overrides: Any) -> None:
        if settings is not None and overrides:
            raise TypeError("give either a settings object or single settings, not both")
        self.settings: S = settings if settings is not None else self.Settings.parse(overrides)
        self.seed = seed
        keep_special = getattr(self.settings, "perturb_special_tokens", True)
        if not keep_special and tokenizer is None:
            raise ValueError("perturb_special_tokens=False needs the tokenizer")
        self.tokenizer = tokenizer
        self._unperturbed = () if keep_special else tuple(tokenizer.all_special_ids)

    @classmethod
    def preset(cls, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """A published preset by its name: settings of the method, and of the run (learning rate, batch size).

        Raises:
            UserError: there is none; lists those there are.
        """
        if not cls.presets:
            raise UserError(f"{cls.title} has no presets: its papers' values are its defaults.")
        known("preset", name, list(cls.presets))
        return dict(cls.presets[name]), dict(cls.preset_runs.get(name, {}))

    @classmethod
    def check_tokenizer(cls, tokenizer: Any) -> None:
        """Look whether the method can be used with a model's tokenizer, before a run begins.

        Raises:
            UserError: it cannot.
        """

    @classmethod
    def takes_sites(cls) -> bool:
        """Whether δ may enter elsewhere than at the word embeddings."""
        return "const" not in cls.Settings.schema().get("site", {"const": EMBEDDINGS})

    @property
    def replays(self) -> int:
        """How often each minibatch is fed to `step` in a row (FreeAT's m; else 1)."""
        return 1

    @property
    def floor(self) -> float:
        """Cost of one minibatch in units of a forward pass (algorithms: vanilla = 3)."""
        return 3.0

    @property
    def reach(self) -> float | None:
        """What ‖δ‖_F cannot exceed by the steps alone, whatever ε is; None: not known."""
        return None

    def embed(self, model: nn.Module, batch: Mapping[str, Tensor], **options: Any) -> PerturbedBatch:
        """The batch as this method perturbs it."""
        site = getattr(self.settings, "site", EMBEDDINGS)
        return PerturbedBatch(
            model, batch, site=site, special_token_ids=self._unperturbed, precise=self.takes_differences,
            hidden=self.takes_hidden, **options,
        )  # fmt: skip

    def step(
        self,
        model: nn.Module,
        batch: Mapping[str, Tensor],
        *,
        scale: float = 1.0,
        micro_batch: int = 0,
        backward: Callable[[Tensor], None] | None = None,
        label_smoothing: float = 0.0,
    ) -> Report:
        """Add this batch's gradients to `p.grad` and say what was done.

        Args:
            scale: multiplies the gradients (1/n under n-fold gradient accumulation).
            micro_batch: place of the batch within its optimiser step (0 without accumulation).

        Raises:
            UserError: a batch whose shapes or labels do not fit the model, or a model that has not the site.
        """
        with full_precision(self.takes_differences):
            embedded = self.embed(model, batch, backward=backward, label_smoothing=label_smoothing)
            report = self.accumulate(embedded, scale, micro_batch)
            embedded.finish()
        return report

    @abstractmethod
    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """The method itself: all passes over one batch."""

    # The perturbation's path. `state` is what the method ascends; total(state) is added at the site.

    def start(self, batch: PerturbedBatch) -> Any:
        """The state before the first ascent step (default: δ_0 = 0)."""
        return torch.zeros_like(batch.like)

    def total(self, state: Any) -> Tensor:
        """What is added at the site, `[B, L, D]`."""
        delta: Tensor = state
        return delta

    def ascend(self, state: Any, gradient: Tensor, batch: PerturbedBatch) -> Any:
        """One ascent step (default: none, as in vanilla)."""
        return state

    def ascent_objective(self, batch: PerturbedBatch) -> Callable[[Pass], Tensor]:
        """What the ascent maximises, as a function of a pass → `[B]` (default: the task's loss)."""
        return lambda at: batch.losses(at.logits)

    # What the method keeps between batches.

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors that a checkpoint must hold so that training goes on as if never stopped."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
