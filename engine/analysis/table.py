"""TextAT's table Z of a run: its largest rows, and how they grew."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from engine.errors import UserError
from engine.runs.store import Run


def snapshots(run: Run) -> list[tuple[int, Path]]:
    """The recorded states of a run's table: (step, file), in order. They are there while it trains."""
    return sorted((int(file.stem), file) for file in (run.folder / "table").glob("*.safetensors"))


def largest_rows(run: Run, tokenizer: Any, top: int = 20) -> dict[str, Any]:
    """The `top` rows by ‖Z[w]‖_2 at the latest snapshot, with their growth.

    Returns:
        `step`, `touched` (rows ever touched), `vocabulary` (V), and `rows`: token, id, norm, count (batches that
        wrote it, by occurrences), growth [(step, norm)].

    Raises:
        UserError: the run is not one of TextAT's, or has no snapshot yet.

    """
    if run.config["method"] != "textat":
        raise UserError(f"{run.id} was trained with {run.config['method']}: only textat runs have a table.")
    taken = snapshots(run)
    if not taken:
        raise UserError(f"{run.id} has no recorded table yet: the first is written at its first evaluation.")
    states = [(step, load_file(file)) for step, file in taken]
    step, latest = states[-1]
    order = latest["norms"].argsort(descending=True)[:top]
    tokens = latest["tokens"][order].tolist()
    names = tokenizer.convert_ids_to_tokens(tokens)
    growth = {
        token: [(at, norm) for at, state in states if (norm := _norm_of(state, token)) is not None] for token in tokens
    }
    return {
        "run": run.id,
        "step": step,
        "touched": len(latest["tokens"]),
        "vocabulary": len(tokenizer),
        "rows": [
            {"token": name, "id": token, "norm": norm, "count": count, "growth": growth[token]}
            for name, token, norm, count in zip(
                names, tokens, latest["norms"][order].tolist(), latest["counts"][order].tolist(), strict=True
            )
        ],
    }


def _norm_of(state: dict[str, Tensor], token: int) -> float | None:
    place = (state["tokens"] == token).nonzero()
    return float(state["norms"][place[0, 0]]) if len(place) else None
