"""Maps in two dimensions, by UMAP."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError

LEAST = 10


@contextmanager
def _compiled_once() -> Iterator[None]:
    """Keep on disk what umap and pynndescent compile in this block: they leave some of it out, 9 s in every process."""
    import numba

    plain = numba.njit
    numba.njit = lambda *given, **options: plain(*given, **{"cache": True, **options})
    try:
        yield
    finally:
        numba.njit = plain


def compile_once() -> None:
    """Have UMAP compiled and kept, so that the first map of a process takes one second instead of ten."""
    umap_map(np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32))


def umap_map(points: NDArray[np.floating], *, seed: int = 0, neighbours: int = 15) -> NDArray[np.floating]:
    """UMAP (McInnes et al. 2018) of `[N, D]` points to `[N, 2]`, the same for the same seed.

    Raises:
        UserError: fewer than 10 points.
    """
    if len(points) < LEAST:
        raise UserError(f"A map needs at least {LEAST} points, but there are {len(points)}.")
    with _compiled_once(), warnings.catch_warnings():
        from umap import UMAP

        warnings.simplefilter("ignore")  # It says that a fixed seed uses one thread.
        mapper = UMAP(n_neighbors=min(neighbours, len(points) - 1), random_state=seed, n_jobs=1)
        return np.asarray(mapper.fit_transform(points), dtype=float)
