"""Maps in two dimensions: UMAP of sentence embeddings, clean and perturbed, and of any other points."""

import warnings

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from engine.analysis.ascent import at_radius, climb, from_own_table
from engine.analysis.classifier import Classifier
from engine.analysis.examples import Progress, batches
from engine.errors import UserError
from engine.methods.passes import EmbeddedBatch

LEAST = 10


def umap_map(points: NDArray[np.floating], *, seed: int = 0, neighbours: int = 15) -> NDArray[np.floating]:
    """UMAP (McInnes et al. 2018) of `[N, D]` points to `[N, 2]`, the same for the same seed.

    Raises:
        UserError: fewer than 10 points.
    """
    if len(points) < LEAST:
        raise UserError(f"A map needs at least {LEAST} points, but there are {len(points)}.")
    from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It says that a fixed seed uses one thread.
        mapper = UMAP(n_neighbors=min(neighbours, len(points) - 1), random_state=seed, n_jobs=1)
        return np.asarray(mapper.fit_transform(points), dtype=float)


def sentence_vectors(classifier: Classifier, embedded: EmbeddedBatch, delta: torch.Tensor | None) -> torch.Tensor:
    """The sentence embedding `[B, D]`: the last hidden states at X + δ, averaged over the real tokens."""
    inputs = {name: tensor for name, tensor in embedded.inputs().items() if name not in ("input_ids", "labels")}
    words = embedded.embeddings if delta is None else embedded.embeddings + delta
    with torch.no_grad():
        hidden = classifier.model.base_model(inputs_embeds=words, **inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None].to(hidden.dtype)
    vectors: torch.Tensor = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
    return vectors


def sentence_map(
    classifier: Classifier,
    table: pd.DataFrame,
    *,
    method: str = "pgd",
    epsilon: float = 0.5,
    steps: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Every sentence as two points of one UMAP map: clean, and after a method's ascent at ε.

    Returns:
        `text`, `label`, `prediction`, `perturbed_prediction`, `loss`, `perturbed_loss`, `x`, `y`, `perturbed_x`,
        `perturbed_y`, in the table's order (predictions are scores for regression).
    """
    if len(table) * 2 < LEAST:
        raise UserError(f"A map needs at least {LEAST // 2} sentences, but there are {len(table)}.")
    attack = at_radius(method, epsilon, steps, special_token_ids=classifier.tokenizer.all_special_ids)
    from_own_table(classifier, attack)
    count = len(table)
    rows: list[dict[str, float | int]] = [{} for _ in range(count)]
    vectors: dict[int, tuple[NDArray[np.floating], NDArray[np.floating]]] = {}
    for places, batch in batches(classifier, table, progress=progress):
        path = climb(attack, classifier.model, batch, steps=steps, seed=seed)
        embedded = EmbeddedBatch(classifier.model, batch)
        before = sentence_vectors(classifier, embedded, None).cpu().numpy()
        after = sentence_vectors(classifier, embedded, path[-1].delta).cpu().numpy()
        with torch.no_grad():
            start = embedded.forward(ascent=False).logits
        own = embedded.losses(start)
        for row, place in enumerate(places):
            vectors[place] = (before[row], after[row])
            rows[place] = {
                "prediction": _said(classifier, start[row]),
                "perturbed_prediction": _said(classifier, path[-1].logits[row]),
                "loss": float(own[row]),
                "perturbed_loss": float(path[-1].loss[row]),
            }
    stacked = np.concatenate([np.stack([vectors[place][side] for place in range(count)]) for side in (0, 1)])
    at = umap_map(stacked, seed=seed)
    found = pd.concat([table.reset_index(drop=True), pd.DataFrame(rows)], axis=1)
    return found.assign(
        x=at[:count, 0],
        y=at[:count, 1],
        perturbed_x=at[count:, 0],
        perturbed_y=at[count:, 1],
    )


def _said(classifier: Classifier, logits: torch.Tensor) -> float | int:
    return float(logits[0]) if classifier.is_regression else int(logits.argmax())
