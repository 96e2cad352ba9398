"""Calibration by hand."""

import numpy as np
import pytest

from engine.analysis.calibration import calibration_of, confidences
from engine.analysis.robust_accuracy import RobustSettings, curve_of


def test_calibration_error_by_hand():
    found = calibration_of(np.array([0.95, 0.95, 0.65, 0.65]), np.array([True, False, True, True]), bins=10)
    assert found.ece == pytest.approx(0.5 * abs(0.5 - 0.95) + 0.5 * abs(1.0 - 0.65))
    assert [row.count for row in found.bins] == [2, 2]
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.5, 1, 200_000)
    assert calibration_of(sure, generator.random(200_000) < sure).ece < 0.01
    edges = calibration_of(np.array([0.0, 0.5, 1.0]), np.array([True, True, True]), bins=2)
    assert [row.count for row in edges.bins] == [2, 1]  # (0, 0.5] holds 0.5; 0 counts with the first.


def test_calibration_of_a_classifier_counts_every_example(classifier, table):
    found = calibration_of(*confidences(classifier, table))
    assert sum(row.count for row in found.bins) == len(table)
    assert found.accuracy == pytest.approx(
        curve_of(classifier, table, RobustSettings(epsilons=(0.0,), steps=1))[0].accuracy
    )
