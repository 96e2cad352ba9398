"""The tiny classifiers of the analyses' tests."""

from tests.engine.analysis.conftest import classifier, regressor, table

__all__ = ["classifier", "regressor", "table"]
