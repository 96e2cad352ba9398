"""The passes over one batch that methods are made of: forward at a site, gradients, report."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn

from engine.anatomy import word_embeddings
from engine.errors import UserError
from engine.methods.dropout import FixedDropout
from engine.methods.losses import Problem, fitting_labels, over_examples, problem_of, task_losses
from engine.methods.precision import plain_forward
from engine.perturbation import example_keys, project, token_norms, uniform_start
from engine.sites import EMBEDDINGS, site_of


@dataclass
class Pass:
    """One forward pass: `inputs` `[B, L, D]` is the leaf whose gradient is ∇_δ (None: nothing was perturbed), `logits`
    `[B, C]` (`[B, L, C]` of a model that tags tokens); `hidden` `[B, L, D]` the last hidden states, if they are asked for.
    """

    inputs: Tensor | None
    logits: Tensor
    hidden: Tensor | None = None


class PerturbedBatch:
    """A batch as the methods see it: passes with δ put in at a site.

    At the word embeddings, X is looked up once: each pass has a leaf `X + δ` there, whose gradient is both ∇_δ L and ∇_X L.
    The latter is summed over the passes and pushed into the embedding weights once, by `finish`: K passes cost one scatter.
    At a layer, and where the weights are spread over processes, δ itself is the leaf, added to what comes.

    Args:
        model: the model, possibly wrapped (DDP, FSDP, `torch.compile`).
        batch: `input_ids` `[B, L]`, optional `attention_mask`, `token_type_ids` …, and `labels`: `[B]`, or `[B, C]`
            for several labels or scores per example, or `[B, L]` for tags.
        site: where δ is put in (see `engine.sites`).
        special_token_ids: tokens that must not be perturbed.
        backward: how to run a backward pass (`accelerator.backward` under a Trainer).
        precise: run the forward passes in full precision, outside of autocast.
        hidden: whether passes give the last hidden states too (an encoder-decoder's are its encoder's).

    Raises:
        UserError: the batch has not the shape that the model takes, or the model has no such site.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Mapping[str, Tensor],
        *,
        site: str = EMBEDDINGS,
        special_token_ids: Iterable[int] = (),
        backward: Callable[[Tensor], None] | None = None,
        label_smoothing: float = 0.0,
        precise: bool = False,
        hidden: bool = False,
    ) -> None:
        inputs = dict(batch)
        self.model = model
        self._call = plain_forward(model) if precise else model
        self.ids, self.labels, attention = _checked(inputs)
        self._forward_inputs = {**inputs, "input_ids": self.ids, "attention_mask": attention}
        self._hidden = hidden
        self._backward = backward or torch.Tensor.backward
        self._label_smoothing = label_smoothing
        self.options = {"backward": backward, "label_smoothing": label_smoothing}  # For the same batch once more.
        module: Any = extract_model_from_parallel(model, keep_torch_compile=False)
        self.problem: Problem = problem_of(module, self.labels)
        self.site = site_of(module, site, self._forward_inputs)
        weight: Tensor = word_embeddings(module).weight
        self.vocabulary_size: int = getattr(weight, "ds_shape", weight.shape)[0]
        # What δ is like: its shape [B, L, D], type and device.
        self.like = torch.zeros((), dtype=weight.dtype, device=self.ids.device).expand(*self.ids.shape, self.site.width)
        self.looked_up: Tensor | None = None
        if site == EMBEDDINGS and is_whole(module):
            self.looked_up = self.site.module(self.ids)
            self.like = self.looked_up.detach()
        self._gradient: Tensor | None = None
        special = torch.as_tensor(list(special_token_ids), device=self.ids.device, dtype=self.ids.dtype)
        self.attention = attention
        self.mask = attention.bool() & ~torch.isin(self.ids, special)

    @property
    def mask3(self) -> Tensor:
        """The mask as `[B, L, 1]`, in δ's dtype."""
        return self.mask[..., None].to(self.like.dtype)

    def keys(self) -> list[int]:
        """One number per example that depends on its real tokens only: what its random start is drawn from."""
        return example_keys(self.ids, self.attention)

    def forward(self, delta: Tensor | None = None, *, ascent: bool = True) -> Pass:
        """Run the model with δ. `ascent=False` where the method does not need ∇_δ."""
        with self.moved(delta, ascent=ascent) as leaf:
            more = {"output_hidden_states": True} if self._hidden else {}
            given = self._call(**self._forward_inputs, **more)
            states = (given.get("encoder_hidden_states") or given["hidden_states"]) if self._hidden else [None]
            return Pass(leaf, given.logits, states[-1])

    @cached_property
    def at_rest(self) -> Pass:
        """The pass without δ of a model that is only looked at, in evaluation mode: made once, without gradients."""
        with torch.no_grad():
            return self.forward(ascent=False)

    @contextmanager
    def moved(self, delta: Tensor | None = None, *, ascent: bool = False) -> Iterator[Tensor | None]:
        """Passes of the model over this batch's inputs have δ in this block; gives the leaf that ∇_δ is taken of."""
        if self.looked_up is not None:
            leaf = (self.like if delta is None else self.like + delta.to(self.like.dtype)).detach()
            leaf.requires_grad_(ascent or self.looked_up.requires_grad)
            with self.site.putting(leaf):
                yield leaf
        elif delta is None and not ascent:
            yield None
        else:
            leaf = torch.zeros_like(self.like) if delta is None else delta.detach().to(self.like.dtype).clone()
            leaf.requires_grad_(ascent)
            with self.site.adding(leaf):
                yield leaf

    def inputs(self) -> dict[str, Tensor]:
        """The batch as it came, for a second model."""
        return {"labels": self.labels, **self._forward_inputs}

    def losses(self, logits: Tensor) -> Tensor:
        """The task's loss per example, `[B]`; 0 where the label is -100."""
        labels = fitting_labels(self.problem, self.labels, logits)
        return task_losses(logits, labels, self._label_smoothing, self.problem)

    def mean(self, losses: Tensor) -> Tensor:
        """The mean over the examples that count: as the model's own loss, those with the label -100 are left out."""
        return over_examples(losses, self.labels, self.problem)

    def loss(self, logits: Tensor) -> Tensor:
        """The task's mean loss, a scalar."""
        return self.mean(self.losses(logits))

    def input_gradient(self, objective: Tensor, of: Pass) -> Tensor:
        """∇_δ of the objective, masked; gradients of parameters are not computed."""
        assert of.inputs is not None, "a pass that was perturbed"
        (gradient,) = torch.autograd.grad(objective, of.inputs)
        return gradient * self.mask3

    def backward(self, loss: Tensor, *passes: Pass) -> Tensor:
        """Backward into parameters and inputs together; returns ∇_δ (masked) of the last pass named."""
        self._backward(loss)
        gradient = self.like
        for each in passes:
            if each.inputs is None or each.inputs.grad is None:
                continue
            gradient = each.inputs.grad
            if self.looked_up is not None and self.looked_up.requires_grad:
                self._gradient = gradient if self._gradient is None else self._gradient + gradient
        return gradient * self.mask3

    def add_clean_loss(self, weight: float, scale: float, dropout: FixedDropout | None = None) -> Tensor:
        """Add `weight` × the clean loss (one more pass) to the gradients; returns what it adds to the loss."""
        if not weight:
            return self.like.new_zeros(())
        with dropout or FixedDropout(self.ids.device, enabled=False):
            clean = self.forward(ascent=False)
        loss = weight * self.loss(clean.logits)
        self.backward(loss * scale, clean)
        return loss.detach()

    def finish(self) -> None:
        """Push the summed ∇_X into the embedding weights. Call once, after the last pass."""
        if self._gradient is not None and self.looked_up is not None:
            self.looked_up.backward(self._gradient)
            self._gradient = None


@dataclass
class Report:
    """What a step did. `loss`: the objective that was minimised (scalar). `token_norms`: ‖δ^i‖ for each pass,
    a list of `[B, L]`. `losses`: the task's mean loss at each pass. `figures`: further scalars by name.
    """

    loss: Tensor
    token_norms: list[Tensor] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    figures: dict[str, Tensor] = field(default_factory=dict)

    def record(self, delta: Tensor, loss: Tensor) -> None:
        """Note one pass: its perturbation `[B, L, D]` and its mean task loss."""
        self.token_norms.append(token_norms(delta))
        self.losses.append(loss.detach())

    def scalars(self) -> dict[str, Tensor]:
        """Figures for a log: mean ‖δ‖_F over the batch at the last pass, and what the method adds."""
        figures = dict(self.figures)
        if self.token_norms:
            figures["delta_norm"] = torch.linalg.vector_norm(self.token_norms[-1], dim=-1).mean()
        return figures


def _checked(inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Take `input_ids`, `labels` and `attention_mask` (ones where there is none) out of a batch, with their shapes checked."""
    for name in ("input_ids", "labels"):
        if name not in inputs:
            raise UserError(f"The batch has no {name}; it has {', '.join(inputs) or 'nothing'}.")
    ids, labels = inputs.pop("input_ids"), inputs.pop("labels")
    attention = inputs.pop("attention_mask", None)
    attention = torch.ones_like(ids) if attention is None else attention
    if ids.ndim != 2 or attention.shape != ids.shape or labels.ndim == 0 or len(labels) != len(ids):
        raise UserError(
            f"A batch needs input_ids and attention_mask of one shape [B, L] and B labels, but they are {list(ids.shape)},"
            f" {list(attention.shape)} and {list(labels.shape)}."
        )
    return ids, labels, attention


def is_whole(module: nn.Module) -> bool:
    """Whether a model's weights lie here as a whole, outside of the forward pass too: not spread over processes by FSDP,
    whose modules bear a state (a weight itself is whole for a while after a pass), or by ZeRO-3.
    """
    sharded = any(hasattr(each, "_get_fsdp_state") for each in module.modules())
    return not sharded and not any(hasattr(each, "ds_id") for each in module.parameters())


def random_start(batch: PerturbedBatch, settings: Any) -> Tensor:
    """δ_0 by the settings `start_magnitude` and `norm`, inside `epsilon` unless `project_start` is off or `variant` is "code": `[B, L, D]`."""
    start = uniform_start(
        batch.mask, batch.keys(), batch.like, magnitude=settings.start_magnitude, seed=batch_seed(),
        norm=settings.norm,
    )  # fmt: skip
    inside = settings.project_start and settings.variant == "paper"
    return project(start, settings.epsilon, settings.norm) if inside else start


def batch_seed() -> int:
    """A seed for one batch's random starts, drawn from torch's own generator (so seeds and resumes hold)."""
    return int(torch.randint(2**31, ()).item())
