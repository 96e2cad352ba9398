"""The tiny classifiers of the analyses' tests, and one whose answers differ from text to text."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.robustness.victim import Victim
from tests.engine.analysis.conftest import classifier, data, regressor, table

__all__ = ["classifier", "data", "regressor", "table"]

WORDS = ["a", "very", "good", "film", "dull", "people", "music"]


def texts(count):
    """Short sentences out of a few words."""
    chance = np.random.default_rng(0)
    return [" ".join(chance.choice(WORDS, size=chance.integers(2, 6))) for _ in range(count)]


@pytest.fixture(scope="session")
def undecided(classifier):
    """The classifier with its bias moved so that it says either class of half of some texts: some attacks win, some do not."""
    model = copy.deepcopy(classifier.model)
    made = replace(classifier, model=model, fingerprint="undecided")
    says = Victim(made)(texts(50)).log()
    with torch.no_grad():
        model.classifier.bias[0] -= (says[:, 0] - says[:, 1]).quantile(0.5)
    return made
