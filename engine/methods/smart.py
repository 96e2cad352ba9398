"""SMART: the clean loss plus a penalty on how far the output moves in the worst direction."""

import copy
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from accelerate.utils import extract_model_from_parallel
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from engine.errors import UserError
from engine.methods import METHODS
from engine.methods.base import AscentSettings, Method, Variant
from engine.methods.dropout import FixedDropout
from engine.methods.losses import divergence, kl
from engine.methods.passes import Pass, PerturbedBatch, Report, batch_seed, is_whole
from engine.perturbation import Norm, ascend, gaussian_start, within_unit
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class SMARTSettings(AscentSettings):
    """Settings of SMART; the defaults are the paper's."""

    epsilon: float | None = Field(default=1e-5, ge=0, le=1e6)
    """Radius ε of the ball (paper: 1e-5, per embedding coordinate). None: no projection."""
    step_size: float = Field(default=1e-3, ge=0, le=1e6)
    """Ascent step size η (paper: 1e-3), in embedding units."""
    ascent_steps: int = Field(default=1, ge=1, le=50)
    """Inner ascent steps T (paper: 1)."""
    start_sigma: float = Field(default=1e-5, ge=0, le=1e6)
    """Standard deviation σ of the random start (paper: 1e-5)."""
    smoothness_weight: float = Field(default=1.0, ge=0)
    """λ_s, the weight of the smoothness penalty (paper: 1, 3 or 5)."""
    norm: Literal["max", "frobenius"] = "max"
    """The ball's norm p (paper: max, i.e. p = ∞)."""
    bregman_weight: float = Field(default=0.0, ge=0)
    """μ of the Bregman proximal term (paper: 1); 0 turns it off."""
    bregman_momentum: float = Field(default=0.99, ge=0, le=1)
    """β of the averaged weights in the Bregman term (paper: 0.99)."""
    fixed_dropout: bool = False
    """The same dropout masks in all passes of a batch, so that the penalty is due to δ alone (paper: not stated)."""
    variant: Variant = "paper"
    """code: as the published code (mt-dnn): noise of length 1 per token, whatever ε; one-sided KL in the ascent; targets held fixed."""


@METHODS.add
class SMART(Method[SMARTSettings]):
    r"""Smoothness-inducing adversarial regularisation (Jiang et al., ACL 2020, section 3.1).

    min_θ L(θ) + λ_s R_s(θ), R_s = mean_i max_{‖x̃_i - x_i‖_p ≤ ε} ℓₛ(f(x̃_i), f(x_i)). Inner maximisation:
    x̃ = x + N(0, σ²); T times x̃ ← Π_ε(x̃ + η g/‖g‖_∞) with g = ∇ ℓₛ(f(x̃), f(x)), f(x) held fixed. In the outer
    loss both sides carry gradients. ℓₛ: symmetrised KL; squared difference for regression. Cost of a step:
    3 + 2T + 3; the inner passes compute no gradients of parameters. λ_s = 0 is vanilla to the bit.

    Option (section 3.2), Bregman proximal point: + μ mean_i ℓₛ(f(x_i; θ), f(x_i; θ̃_t)),
    θ̃_t = (1 - β) θ_t + β θ̃_{t-1}, θ̃_0 = θ_0; one forward pass more, without dropout for θ̃.

    All passes run in full precision, without autocast or TF32: at ε = 1e-5 the outputs that are compared differ by less
    than bfloat16 resolves, and the direction of the ascent would be rounding noise. A model whose weights are half
    precision is refused.

    Published code (`variant="code"`; github.com/namisan/mt-dnn): T times noise ← (noise + η g)/(max_D |noise + η g| + 1e-6) per token,
    g the gradient of the batch's mean KL(f(x) ‖ f(x̃)); there is no ball, and every token's largest entry is near 1 whatever ε, σ and g.
    Outer loss: KL(f̄(x) ‖ f(x̃)) + KL(f̄(x̃) ‖ f(x)), what bears a bar held fixed. There the noise enters behind the embeddings'
    LayerNorm, which is `site="layer:0"`. Its KL is smoothed by 1e-6 in the ascent, which is left out.

    Settings: epsilon 1e-5, step_size 1e-3, ascent_steps 1, start_sigma 1e-5, smoothness_weight 1, norm "max",
    bregman_weight 0, bregman_momentum 0.99, fixed_dropout False, variant "paper", perturb_special_tokens True. Without fixed_dropout every
    pass draws its own masks: at ε = 1e-5 two masks differ far more in their output than δ makes, so R_s is then mostly a
    penalty on that difference (`docs/inside.md` has both numbers). Shapes: x̃ - x `[B, L, D]`.

    >>> from engine.methods.smart import SMART
    >>> SMART().floor
    8.0
    """

    name = "smart"
    year = 2020
    title = "SMART"
    reference = "Jiang et al., ACL 2020, eq. (1)"
    equation = (
        r"\min_\theta\; L(\theta)+\lambda_s\,\tfrac1n\sum_i\max_{\|\tilde x_i-x_i\|_p\le\epsilon}"
        r"\ell_s\big(f(\tilde x_i;\theta),f(x_i;\theta)\big),\quad \ell_s(P,Q)=D_{KL}(P\|Q)+D_{KL}(Q\|P)"
    )
    summary = "Learns from the clean loss and is punished where a tiny δ moves the output: it wants f to be smooth."
    Settings = SMARTSettings
    takes_differences = True
    _average: nn.Module | None = None
    _average_state: Mapping[str, Tensor] | None = None

    @property
    def floor(self) -> float:
        """2T + 6 (3 with λ_s = 0), and 1 more for the Bregman term."""
        settings = self.settings
        return (2.0 * settings.ascent_steps + 6 if settings.smoothness_weight else 3.0) + bool(settings.bregman_weight)

    @property
    def norm(self) -> Norm:
        """The ball's norm."""
        return self.settings.norm

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """The clean pass, T passes for x̃ alone, the pass at x̃, one backward for both."""
        settings = self.settings
        dropout = FixedDropout(batch.ids.device, settings.fixed_dropout)
        with dropout:
            clean = batch.forward(ascent=False)
        task = batch.loss(clean.logits)
        report, passes, loss = Report(task.detach()), [clean], task
        if settings.smoothness_weight:
            objective = self._divergence_from(clean.logits, batch)
            delta = self.start(batch)
            for _ in range(settings.ascent_steps):
                with dropout:
                    attempt = batch.forward(delta)
                gradient = batch.input_gradient(objective(attempt).sum(), attempt)
                report.record(delta, batch.loss(attempt.logits.detach()))
                delta = self.ascend(delta, gradient, batch)
            with dropout:
                moved = batch.forward(delta, ascent=False)
            smoothness = self.penalty(moved.logits, clean.logits, batch).mean()
            report.record(delta, batch.loss(moved.logits.detach()))
            report.figures["smoothness_kl"] = smoothness.detach()
            loss = loss + settings.smoothness_weight * smoothness
            passes.append(moved)
        if settings.bregman_weight:
            proximal = divergence(
                clean.logits, self._average_logits(batch, micro_batch), batch.problem, batch.labels
            ).mean()
            report.figures["bregman_kl"] = proximal.detach()
            loss = loss + settings.bregman_weight * proximal
        batch.backward(loss * scale, *passes)
        report.loss = loss.detach()
        return report

    def penalty(self, moved: Tensor, clean: Tensor, batch: PerturbedBatch) -> Tensor:
        """ℓₛ of the two outputs per example, `[B]`, both with their gradients."""
        if self.is_symmetric(batch):
            return divergence(moved, clean, batch.problem, batch.labels)
        forth = kl(clean.detach(), moved, batch.problem, batch.labels)
        return forth + kl(moved.detach(), clean, batch.problem, batch.labels)

    def is_symmetric(self, batch: PerturbedBatch) -> bool:
        """Whether the symmetric divergence is climbed and both sides of the penalty move; else KL with a fixed target."""
        return self.settings.variant == "paper" or batch.problem == "regression"

    def start(self, batch: PerturbedBatch) -> Tensor:
        """N(0, σ²) on the tokens that may be perturbed."""
        return gaussian_start(batch.mask, batch.keys(), batch.like, sigma=self.settings.start_sigma, seed=batch_seed())

    def ascend(self, state: Tensor, gradient: Tensor, batch: PerturbedBatch) -> Tensor:
        """x̃ ← Π_ε(x̃ + η g/‖g‖_p)."""
        settings = self.settings
        if settings.variant == "code":
            return within_unit(state + settings.step_size * gradient / len(gradient)) * batch.mask3
        return ascend(state, gradient, step_size=settings.step_size, epsilon=settings.epsilon, norm=self.norm)

    def _divergence_from(self, clean: Tensor, batch: PerturbedBatch) -> Callable[[Pass], Tensor]:
        fixed = clean.detach()
        if self.is_symmetric(batch):
            return lambda at: divergence(at.logits, fixed, batch.problem, batch.labels)
        return lambda at: kl(fixed, at.logits, batch.problem, batch.labels)

    def ascent_objective(self, batch: PerturbedBatch) -> Callable[[Pass], Tensor]:
        """ℓₛ against the clean output, which is held fixed."""
        return self._divergence_from(batch.at_rest.logits, batch)

    def _average_logits(self, batch: PerturbedBatch, micro_batch: int) -> Tensor:
        # θ̃ moves once per optimiser step, before the step's first batch.
        model = extract_model_from_parallel(batch.model, keep_torch_compile=False)
        with torch.no_grad():
            if self._average is None:
                if not is_whole(model):
                    raise UserError(
                        "bregman_weight: a second copy of weights that are spread over processes is not kept."
                    )
                self._average = copy.deepcopy(model).eval().requires_grad_(False)
                if self._average_state:
                    self._average.load_state_dict(dict(self._average_state), strict=False)
                    self._follow(model)
            elif micro_batch == 0:
                self._follow(model)
            average = PerturbedBatch(self._average, batch.inputs(), precise=True)
            return average.forward(ascent=False).logits

    def _follow(self, model: nn.Module) -> None:
        assert self._average is not None
        keep = self.settings.bregman_momentum
        for average, current in zip(self._average.parameters(), model.parameters(), strict=True):
            average.lerp_(current.to(average.dtype), 1.0 - keep)

    def state_dict(self) -> dict[str, Tensor]:
        """θ̃, if the Bregman term is on."""
        return dict(self._average.named_parameters()) if self._average is not None else {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back θ̃; it is put into place when the model is next seen."""
        self._average, self._average_state = None, dict(state)
