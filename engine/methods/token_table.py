"""TextAT's global accumulated perturbation Z, a table with one row per vocabulary entry."""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.distributed import sum_rows
from engine.perturbation import keyed_rows, project, token_norms


class TokenTable:
    """Z ∈ R^{V×D}, where a row takes memory only once its token was seen.

    Row w starts as U(-ε_0, ε_0)/√D, drawn from `(seed, w)` alone: the same in every process and after a resume,
    whatever the order in which tokens turn up.

    Args:
        vocabulary_size: V.
        magnitude: ε_0.
        seed: of the starting values.
    """

    def __init__(self, vocabulary_size: int, dim: int, *, magnitude: float, seed: int, like: Tensor) -> None:
        self.magnitude, self.seed = magnitude, seed
        self.slot = torch.full((vocabulary_size,), -1, dtype=torch.long, device=like.device)
        self.tokens = torch.empty(0, dtype=torch.long, device=like.device)
        self.rows = torch.empty(0, dim, dtype=like.dtype, device=like.device)
        self.counts = torch.empty(0, dtype=torch.long, device=like.device)

    def __len__(self) -> int:
        """How many rows were ever touched."""
        return len(self.tokens)

    def starting_rows(self, tokens: Tensor) -> Tensor:
        """What rows hold before they are touched, `[n]` → `[n, D]`."""
        keys = tokens.tolist()
        noise = keyed_rows([1] * len(keys), keys, self.rows.shape[1], seed=self.seed, like=self.rows)
        return noise * (self.magnitude / self.rows.shape[1] ** 0.5)

    def touch(self, tokens: Tensor) -> None:
        """Give every token of `tokens` (any shape) a row."""
        new = torch.unique(tokens[self.slot[tokens] < 0])
        if len(new) == 0:
            return
        self.slot[new] = torch.arange(len(self.tokens), len(self.tokens) + len(new), device=new.device)
        self.tokens = torch.cat([self.tokens, new])
        self.rows = torch.cat([self.rows, self.starting_rows(new)])
        self.counts = torch.cat([self.counts, new.new_zeros(len(new))])

    def look_up(self, ids: Tensor, mask: Tensor) -> Tensor:
        """η_0^i ← Z[w_i], `[B, L]` → `[B, L, D]`, 0 where the mask is 0."""
        chosen = mask.bool()
        self.touch(ids[chosen])
        eta = self.rows.new_zeros(*ids.shape, self.rows.shape[1])
        eta[chosen] = self.rows[self.slot[ids[chosen]]]
        return eta

    def write(self, ids: Tensor, mask: Tensor, eta: Tensor, *, add: bool = False, bound: float | None = None) -> None:
        """Z[w_i] ← η^i: the mean over a token's occurrences in the batch; with `add`, Z[w] += their sum.

        `bound`: rows that were written are shrunk to ‖Z[w]‖_2 ≤ bound.

        Where several processes train together, the batch is that of all of them, and Z stays the same in each.
        """
        chosen = mask.bool()
        values = eta[chosen].to(self.rows.dtype)
        tokens, place, occurrences = torch.unique(ids[chosen], return_inverse=True, return_counts=True)
        sums = self.rows.new_zeros(len(tokens), self.rows.shape[1]).index_add_(0, place, values)
        tokens, sums, occurrences = sum_rows(tokens, sums, occurrences)
        self.touch(tokens)
        touched = self.slot[tokens]
        self.counts[touched] += occurrences
        if add:
            self.rows[touched] += sums
        else:
            self.rows[touched] = sums / occurrences[:, None].to(sums.dtype)
        if bound is not None:
            self.rows[touched] = project(self.rows[touched][:, None], bound)[:, 0]

    def state_dict(self) -> dict[str, Tensor]:
        """Touched rows only: `tokens` [n], `rows` [n, D], `counts` [n], and V."""
        return {
            "tokens": self.tokens,
            "rows": self.rows,
            "counts": self.counts,
            "vocabulary_size": torch.tensor(len(self.slot)),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
        self.tokens = state["tokens"].to(self.slot)
        self.rows = state["rows"].to(self.rows)
        self.counts = state["counts"].to(self.slot)
        self.slot.fill_(-1)
        self.slot[self.tokens] = torch.arange(len(self.tokens), device=self.slot.device)

    def snapshot(self) -> dict[str, Tensor]:
        """How it stands, without the rows: `tokens` [n], `norms` ‖Z[w]‖_2 [n], `counts` (times written) [n]."""
        return {"tokens": self.tokens.int().cpu(), "norms": token_norms(self.rows).cpu(), "counts": self.counts.cpu()}
