"""The task's loss per example, by what the model is trained for, and the labels it takes: as transformers computes it, but
that a text's loss over its tokens is averaged per text, not over all tokens of a batch.
"""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.anatomy import gives_tags
from engine.data.tasks import IGNORED
from engine.errors import UserError

Problem = Literal["regression", "single_label_classification", "multi_label_classification", "token_classification"]


def problem_of(model: Any, labels: Tensor) -> Problem:
    """What the model is trained for: tags by its class, else its config's `problem_type`, else by width and labels, as
    transformers does.
    """
    if gives_tags(model):
        return "token_classification"
    config = model.config
    given: Problem | None = getattr(config, "problem_type", None)
    if given is not None:
        return given
    if config.num_labels == 1:
        return "regression"
    return "multi_label_classification" if labels.is_floating_point() else "single_label_classification"


def fitting_labels(problem: Problem, labels: Tensor, logits: Tensor) -> Tensor:
    """The labels in the shape that the loss takes: `[B]` for classes and one score, `[B, C]` for several outputs, `[B, L]`
    for tags.

    Raises:
        UserError: shapes that do not belong together, which broadcasting would hide, or classes out of range.
    """
    size, width = logits.shape[0], logits.shape[-1]
    tags = problem == "token_classification"
    if problem != "multi_label_classification" and not tags and labels.shape == (size, 1):
        labels = labels[:, 0]
    wanted = (
        tuple(logits.shape[:-1])
        if tags
        else (size,)
        if problem == "single_label_classification" or (problem == "regression" and width == 1)
        else (size, width)
    )
    if tuple(labels.shape) != wanted:
        raise UserError(
            f"The labels have the shape {list(labels.shape)}, but {problem.replace('_', ' ')} with {width} outputs and"
            f" {size} examples takes {list(wanted)}."
        )
    if labels.is_floating_point() and (tags or problem == "single_label_classification"):
        raise UserError(f"The labels are floating-point numbers, but {problem.replace('_', ' ')} takes class numbers.")
    return labels


def task_losses(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0, problem: Problem | None = None) -> Tensor:
    """The task's loss of every example, `[B]`; 0 where the label is -100.

    Cross-entropy for single labels, squared error (mean over the outputs) for regression, binary cross-entropy with
    logits (mean over the labels) for several labels per example; for tags the mean cross-entropy of an example's tokens.

    Args:
        logits: `[B, C]`; of tags `[B, L, C]`.
        labels: as `fitting_labels` gives them.
        problem: None: regression if C = 1, else single labels.
    """
    problem = problem or ("regression" if logits.shape[-1] == 1 else "single_label_classification")
    if problem == "regression":
        errors = F.mse_loss(logits, labels.to(logits.dtype).reshape(logits.shape), reduction="none")
        return errors.mean(dim=-1)
    if problem == "multi_label_classification":
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none").mean(dim=-1)
    if problem == "token_classification":
        each = F.cross_entropy(
            logits.transpose(1, 2), labels, reduction="none", label_smoothing=label_smoothing, ignore_index=IGNORED
        )
        return over_tokens(each, labels)
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing, ignore_index=IGNORED)


def mean_loss(model: Any, logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """The mean over the examples that count, a scalar, for what the model is trained for (see `problem_of`)."""
    problem = problem_of(model, labels)
    losses = task_losses(logits, fitting_labels(problem, labels, logits), label_smoothing, problem)
    return over_examples(losses, labels, problem)


def over_examples(losses: Tensor, labels: Tensor, problem: Problem) -> Tensor:
    """The mean of `losses` `[B]` over the examples that count (see `counted`), a scalar."""
    return losses.sum() / counted(labels, problem).sum().clamp_min(1)


def over_tokens(values: Tensor, labels: Tensor) -> Tensor:
    """The mean of `values` `[B, L]` over the tokens of each example that have a label, `[B]`; 0 where none has."""
    there = labels != IGNORED
    return (values * there).sum(dim=1) / there.sum(dim=1).clamp_min(1)


def counted(labels: Tensor, problem: Problem) -> Tensor:
    """Which examples count, `[B]`: all but those whose class is -100, or all of whose tags are."""
    if problem == "token_classification":
        return (labels != IGNORED).any(dim=1)
    if problem == "single_label_classification":
        return labels.reshape(len(labels), -1)[:, 0] != IGNORED
    return torch.ones(len(labels), dtype=torch.bool, device=labels.device)


def divergence(first: Tensor, second: Tensor, problem: Problem | None = None, labels: Tensor | None = None) -> Tensor:
    """ℓₛ per example, `[B, C]` × 2 → `[B]`: symmetrised KL of the softmaxes; squared difference for scores.

    Σ (p - q)(log p - log q), from log-softmax: never negative, and exactly 0 for identical logits. With several labels
    per example it is that of every label's sigmoid, summed; with several scores the mean of the squares; with tags, of
    `[B, L, C]`, the mean over the tokens that have a label.

    Args:
        problem: None: a score if C = 1, else single labels.
        labels: `[B, L]`, needed for tags.
    """
    if problem == "regression" or (problem is None and first.shape[-1] == 1):
        return (first - second).square().mean(dim=-1)
    if problem == "multi_label_classification":
        return ((first.sigmoid() - second.sigmoid()) * (first - second)).sum(dim=-1)
    p, q = F.log_softmax(first, dim=-1), F.log_softmax(second, dim=-1)
    each = ((p.exp() - q.exp()) * (p - q)).sum(dim=-1)
    return over_tokens(each, labels) if problem == "token_classification" and labels is not None else each


def kl(target: Tensor, logits: Tensor, problem: Problem, labels: Tensor) -> Tensor:
    """KL(target ‖ logits) of the softmaxes per example, `[B, C]` × 2 → `[B]`, to be taken with a fixed target.

    Half the squared difference for scores (mean over them), the sum over the labels for several of them, the mean over the tokens
    that have a label for tags.
    """
    if problem == "regression":
        return 0.5 * (logits - target).square().mean(dim=-1)
    if problem == "multi_label_classification":
        return (
            target.sigmoid() * (F.logsigmoid(target) - F.logsigmoid(logits))
            + (-target).sigmoid() * (F.logsigmoid(-target) - F.logsigmoid(-logits))
        ).sum(dim=-1)
    p, q = F.log_softmax(target, dim=-1), F.log_softmax(logits, dim=-1)
    each = (p.exp() * (p - q)).sum(dim=-1)
    return over_tokens(each, labels) if problem == "token_classification" else each
