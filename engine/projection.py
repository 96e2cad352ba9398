"""Maps in two dimensions, by UMAP."""

import warnings

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError

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
