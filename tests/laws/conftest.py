"""Logs that several laws are held against."""

import pytest
from law_logs import Log, as_logs, movielens

from offline.datasets.dataset import DatasetError


@pytest.fixture(scope="session")
def real_logs() -> list[Log]:
    """4,000 real ratings."""
    try:
        return as_logs(movielens(4_000, start=30_000))
    except DatasetError as absent:
        pytest.skip(f"MovieLens 100K is not there: {absent}")
