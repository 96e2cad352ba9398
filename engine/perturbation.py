"""The arithmetic of a perturbation δ: start, norms, projection, ascent. It stands here and nowhere else.

Shapes: `delta`, `gradient` `[B, L, D]`; `mask` `[B, L]`, 1 where a token may be perturbed. A norm is always taken
per example (over its own `L × D`) or per token, never over the batch, so an example's perturbation does not depend
on its neighbours or on how much padding the batch has.
"""

import zlib
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Norm = Literal["frobenius", "max"]


def token_norms(delta: Tensor) -> Tensor:
    """‖δ^i‖_2 of every token: `[B, L, D]` → `[B, L]`."""
    return torch.linalg.vector_norm(delta, dim=-1)


def example_norms(delta: Tensor, norm: Norm = "frobenius") -> Tensor:
    """‖δ‖_F (or ‖δ‖_∞ for `norm="max"`) of every example: `[B, L, D]` → `[B]`."""
    return torch.linalg.vector_norm(delta, ord=2 if norm == "frobenius" else float("inf"), dim=(-2, -1))


def _unit(gradient: Tensor, dims: tuple[int, ...], order: float) -> Tensor:
    # Dividing by the largest entry first keeps tiny gradients (SMART's are around 1e-12) from underflowing.
    largest = gradient.abs().amax(dim=dims, keepdim=True)
    usable = (largest > 0) & torch.isfinite(largest)
    scaled = torch.where(usable, gradient / torch.where(usable, largest, torch.ones_like(largest)), 0.0)
    if order == float("inf"):
        return scaled
    norm = torch.linalg.vector_norm(scaled, ord=order, dim=dims, keepdim=True)
    return scaled / torch.where(usable, norm, torch.ones_like(norm))


def unit_example(gradient: Tensor, norm: Norm = "frobenius") -> Tensor:
    """The unit gradient g / ‖g‖ of every example; exactly 0 for a zero (or non-finite) one: δ then stays as it is."""
    return _unit(gradient, (-2, -1), 2.0 if norm == "frobenius" else float("inf"))


def unit_token(gradient: Tensor) -> Tensor:
    """g^i / ‖g^i‖_2 for every token (TextAT); a zero gradient gives exactly 0."""
    return _unit(gradient, (-1,), 2.0)


def shrink_factor(delta: Tensor, epsilon: float) -> Tensor:
    """min(1, ε / ‖δ‖_F) per example, `[B, 1, 1]`."""
    norm = example_norms(delta)[:, None, None]
    return torch.where(norm > epsilon, epsilon / norm.clamp_min(torch.finfo(norm.dtype).tiny), 1.0)


def project(delta: Tensor, epsilon: float | None, norm: Norm = "frobenius") -> Tensor:
    """Π_ε: the nearest point of the ball of radius ε around 0, per example. `None` means no bound."""
    if epsilon is None:
        return delta
    return delta.clamp(-epsilon, epsilon) if norm == "max" else delta * shrink_factor(delta, epsilon)


def ascend(
    delta: Tensor, gradient: Tensor, *, step_size: float, epsilon: float | None, norm: Norm = "frobenius"
) -> Tensor:
    """One step of gradient ascent, Π_ε(δ + α g / ‖g‖): slides eq. (2) for Frobenius, SMART's for max."""
    return project(delta + step_size * unit_example(gradient, norm), epsilon, norm)


def within_unit(delta: Tensor) -> Tensor:
    """δ^i / (max|δ^i| + 1e-6) of every token: SMART's published code, in the place of a projection."""
    return delta / (delta.abs().amax(dim=-1, keepdim=True) + 1e-6)


def example_keys(ids: Tensor, attention: Tensor) -> list[int]:
    """One number per example that depends on its real tokens alone, from ids and attention mask `[B, L]`."""
    rows = zip(ids.cpu(), attention.bool().cpu(), strict=True)
    return [zlib.crc32(row[real].numpy().tobytes()) for row, real in rows]


def drawn_by(generator: torch.Generator, seed: int, key: int) -> torch.Generator:
    """The generator set so that its next draws depend on `(seed, key)` alone."""
    return generator.manual_seed((seed * 0x9E3779B97F4A7C15 + key) & 0x7FFFFFFFFFFFFFFF)


def keyed_rows(
    rows: Sequence[int], keys: Sequence[int], width: int, *, seed: int, like: Tensor, normal: bool = False
) -> Tensor:
    """Noise blocks of `rows[i] × width` numbers, U(-1, 1) or N(0, 1), stacked to `[Σ rows, width]`.

    Block i depends on `(seed, keys[i])` alone: not on its place, its neighbours, the padding, the process or the precision
    (it is drawn in float32).
    """
    generator = torch.Generator(device=like.device)
    blocks = []
    for count, key in zip(rows, keys, strict=True):
        drawn_by(generator, seed, key)
        block = torch.empty(count, width, device=like.device)
        blocks.append(block.normal_(generator=generator) if normal else block.uniform_(-1.0, 1.0, generator=generator))
    return torch.cat(blocks).to(like.dtype) if blocks else like.new_zeros(0, width)


def example_noise(mask: Tensor, keys: Sequence[int], like: Tensor, *, seed: int, normal: bool = False) -> Tensor:
    """Noise `[B, L, D]` of each example's own (see `keyed_rows`), 0 outside the mask."""
    noise = torch.zeros_like(like)
    chosen = mask.bool()
    rows = chosen.sum(dim=1).tolist()
    noise[chosen] = keyed_rows(rows, keys, like.shape[-1], seed=seed, like=like, normal=normal)
    return noise


def uniform_start(
    mask: Tensor, keys: Sequence[int], like: Tensor, *, magnitude: float, seed: int, norm: Norm = "frobenius"
) -> Tensor:
    """δ_0 = U(-ε_0, ε_0) / sqrt(N_δ) with N_δ = (Σ M_i) · D per example (FreeLB, Algorithm 1, line 4).

    For `norm="max"` every coordinate is U(-ε_0, ε_0) as it is: the published code's start in an L∞ ball.
    """
    if magnitude == 0:
        return torch.zeros_like(like)
    if norm == "max":
        return example_noise(mask, keys, like, seed=seed) * magnitude
    count = mask.sum(dim=1).clamp_min(1).to(like.dtype) * like.shape[-1]
    return example_noise(mask, keys, like, seed=seed) * (magnitude / count.sqrt())[:, None, None]


def gaussian_start(mask: Tensor, keys: Sequence[int], like: Tensor, *, sigma: float, seed: int) -> Tensor:
    """δ_0 ~ N(0, σ²) (SMART's starting point x̃ = x + N(0, σ²))."""
    return example_noise(mask, keys, like, seed=seed, normal=True) * sigma
