"""The task's loss per example, by the model's `problem_type`, as transformers computes it; and the labels it takes."""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import UserError

IGNORED = -100  # A label that counts for nothing, as in torch's cross-entropy.
Problem = Literal["regression", "single_label_classification", "multi_label_classification"]


def problem_of(config: Any, labels: Tensor) -> Problem:
    """What the model is trained for: its config's `problem_type`, else by width and labels, as transformers does."""
    given: Problem | None = getattr(config, "problem_type", None)
    if given is not None:
        return given
    if config.num_labels == 1:
        return "regression"
    return "multi_label_classification" if labels.is_floating_point() else "single_label_classification"


def fitting_labels(problem: Problem, labels: Tensor, logits: Tensor) -> Tensor:
    """The labels in the shape that the loss takes: `[B]` for classes and one score, `[B, C]` for several outputs.

    Raises:
        UserError: shapes that do not belong together, which broadcasting would hide, or classes out of range.
    """
    size, width = logits.shape[0], logits.shape[-1]
    if problem != "multi_label_classification" and labels.shape == (size, 1):
        labels = labels[:, 0]
    wanted = (
        (size,)
        if problem == "single_label_classification" or (problem == "regression" and width == 1)
        else (size, width)
    )
    if tuple(labels.shape) != wanted:
        raise UserError(
            f"The labels have the shape {list(labels.shape)}, but {problem.replace('_', ' ')} with {width} outputs and"
            f" {size} examples takes {list(wanted)}."
        )
    if problem == "single_label_classification" and labels.is_floating_point():
        raise UserError("The labels are floating-point numbers, but single label classification takes class numbers.")
    return labels


def task_losses(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0, problem: Problem | None = None) -> Tensor:
    """The task's loss of every example, `[B]`; 0 where the label is -100.

    Cross-entropy for single labels, squared error (mean over the outputs) for regression, binary cross-entropy with
    logits (mean over the labels) for several labels per example.

    Args:
        logits: `[B, C]`.
        labels: as `fitting_labels` gives them.
        problem: None: regression if C = 1, else single labels.
    """
    problem = problem or ("regression" if logits.shape[-1] == 1 else "single_label_classification")
    if problem == "regression":
        errors = F.mse_loss(logits, labels.to(logits.dtype).reshape(logits.shape), reduction="none")
        return errors.mean(dim=-1)
    if problem == "multi_label_classification":
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none").mean(dim=-1)
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing, ignore_index=IGNORED)


def counted(labels: Tensor, problem: Problem) -> Tensor:
    """Which examples count, `[B]`: all but those whose class is -100."""
    if problem == "single_label_classification":
        return labels.reshape(len(labels), -1)[:, 0] != IGNORED
    return torch.ones(len(labels), dtype=torch.bool, device=labels.device)
