"""Logs that several laws are held against."""

import os

import pytest
from hypothesis import Phase, settings
from law_logs import Log, as_logs, movielens

from offline.datasets.dataset import DatasetError

# For tests/mutants: that a law fails is all they ask for, not the smallest failure.
settings.register_profile("no_shrinking", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True)
if os.environ.get("FRESHET_NO_SHRINKING"):
    settings.load_profile("no_shrinking")


@pytest.fixture(scope="session")
def real_logs() -> list[Log]:
    """4,000 real ratings."""
    try:
        return as_logs(movielens(4_000, start=30_000))
    except DatasetError as absent:
        pytest.skip(f"MovieLens 100K is not there: {absent}")
