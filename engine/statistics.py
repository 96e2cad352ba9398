"""How sure a figure is: intervals by the bootstrap, the exact sign-flip test, exact bounds of a probability."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from statistics import median

import numpy as np


def bootstrap(values: Sequence[float], *, draws: int = 1000, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean."""
    data = np.asarray(values, dtype=float)
    chance = np.random.default_rng(seed)
    means = data[chance.integers(0, len(data), (draws, len(data)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def sign_flip(differences: Sequence[float]) -> float:
    """Two-sided exact sign-flip (Fisher's paired permutation) test of mean 0: the p-value.

    All 2^n sign patterns for up to 16 pairs, 100,000 drawn ones (fixed seed) for more.
    """
    values = np.asarray(differences, dtype=float)
    count = len(values)
    if count == 0 or not values.any():
        return 1.0
    if count <= 16:
        patterns = np.array(np.meshgrid(*[[1, -1]] * count)).reshape(count, -1).T
    else:
        patterns = np.random.default_rng(0).choice([1, -1], (100_000, count))
    means = np.abs(patterns @ values) / count
    return float((means >= abs(values.mean()) - 1e-12).mean())


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for being several (Holm 1979): at a level of α, any false claim among them has probability α at most."""
    order = sorted(range(len(values)), key=lambda at: values[at])
    found, highest = [1.0] * len(values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[at]))
        found[at] = highest
    return found


def spread(values: Iterable[float], digits: int = 3) -> str:
    """Median (lowest to highest), for tables."""
    found = sorted(values)
    return f"{median(found):.{digits}f} ({found[0]:.{digits}f} to {found[-1]:.{digits}f})"


def binomial_low(successes: int, trials: int, alpha: float) -> float:
    """One-sided lower confidence bound of a probability (Clopper & Pearson 1934): too high with probability α at most."""
    from scipy.stats import beta

    return float(beta.ppf(alpha, successes, trials - successes + 1)) if successes else 0.0


def binomial_interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Two-sided confidence interval of a probability (Clopper & Pearson 1934): it is never a point, not at 0 or 1 either."""
    tail = (1 - level) / 2
    return binomial_low(successes, trials, tail), 1 - binomial_low(trials - successes, trials, tail)


def rounded_down(value: float, digits: int = 4) -> str:
    """So many digits, never more than the value: as a bound has to be printed."""
    return _rounded(value, digits, ROUND_FLOOR)


def rounded_up(value: float, digits: int = 3) -> str:
    """So many digits, never less than the value: as an upper bound has to be printed."""
    return _rounded(value, digits, ROUND_CEILING)


def _rounded(value: float, digits: int, way: str) -> str:
    return f"{float(Context(prec=digits, rounding=way).create_decimal_from_float(value)):.{digits}g}"


def percent_down(share: float) -> str:
    """A share in percent with one decimal, never more than it is."""
    return f"{int(share * 1000 + 1e-9) / 10:.1f}%"
