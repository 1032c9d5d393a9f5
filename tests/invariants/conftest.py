"""Logs that several invariants are held against."""

import gc
import logging
from collections.abc import Iterator

import pytest
from invariant_logs import Log, as_logs, movielens

from offline.datasets.dataset import DatasetError


@pytest.fixture(scope="session")
def real_logs() -> list[Log]:
    """4,000 real ratings."""
    try:
        return as_logs(movielens(4_000, start=30_000))
    except DatasetError as absent:
        pytest.skip(f"MovieLens 100K is not there: {absent}")


@pytest.fixture
def quick() -> Iterator[None]:
    """A schedule leaves cycles behind and logs what it suffers: both cost as much as the schedule itself."""
    gc.disable()
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    gc.enable()
