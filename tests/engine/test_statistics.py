"""Intervals and tests against brute force and scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from engine.statistics import (
    binomial_interval,
    bootstrap,
    holm,
    percent_down,
    rounded_down,
    rounded_up,
    sign_flip,
    spread,
)


def test_the_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    chance = np.random.default_rng(5)
    hits = 0
    for trial in range(200):
        low, high = bootstrap(chance.normal(1.0, 2.0, 60), draws=300, seed=trial)
        hits += low <= 1.0 <= high
    assert hits / 200 == pytest.approx(0.95, abs=0.05)
    assert math.isclose(*bootstrap([2.0, 2.0, 2.0]))


@pytest.mark.parametrize("count", [1, 3, 6, 8])
def test_the_sign_flip_test_is_scipys_and_brute_force(count):
    values = np.random.default_rng(count).normal(0.3, 1, count)
    plain = [
        abs(np.mean(values * signs)) >= abs(values.mean()) - 1e-12 for signs in itertools.product([1, -1], repeat=count)
    ]
    assert sign_flip(values) == pytest.approx(np.mean(plain))
    if count > 1:
        theirs = stats.permutation_test(
            (values, np.zeros(count)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
        )
        assert sign_flip(values) == pytest.approx(theirs.pvalue)
    assert sign_flip([0.0, 0.0]) == 1.0


def test_an_interval_of_a_share_is_never_a_point():
    """0 of n: the upper end is where (1 - p)^n = 0.025; as scipy has it in between."""
    assert binomial_interval(0, 6) == (0.0, pytest.approx(1 - 0.025 ** (1 / 6)))
    assert binomial_interval(6, 6) == (pytest.approx(0.025 ** (1 / 6)), 1.0)
    for hits, trials in ((1, 6), (25, 50), (49, 50)):
        theirs = stats.binomtest(hits, trials).proportion_ci(method="exact")
        assert binomial_interval(hits, trials) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("value", [0.10868073, 0.0829999, 1.0, 123456.7, 9.9999, 1e-9])
def test_bounds_are_rounded_down(value):
    for digits in (3, 4):
        printed = float(rounded_down(value, digits))
        assert value * (1 - 10 ** (1 - digits)) <= printed <= value
        assert value <= float(rounded_up(value, digits)) <= value * (1 + 10 ** (1 - digits))
    assert percent_down(0.99999) == "99.9%" and percent_down(1.0) == "100.0%" and percent_down(0.29) == "29.0%"


def test_holms_correction_is_the_step_down_written_out():
    values = [0.01, 0.04, 0.03, 0.005, 0.9]
    # Sorted: 0.005 × 5, 0.01 × 4, 0.03 × 3, 0.04 × 2 (not below the one before), 0.9.
    assert holm(values) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.9])
    assert holm([]) == [] and holm([0.6, 0.7]) == [1.0, 1.0]


def test_a_spread_is_the_median_and_both_ends():
    assert spread([0.3, 0.1, 0.25]) == "0.250 (0.100 to 0.300)" and spread([1.0, 2.0], 1) == "1.5 (1.0 to 2.0)"
