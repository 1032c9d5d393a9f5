"""What can go wrong between us and Redis.

    RedisUnavailable    nobody answers in time, or the server answers that it cannot now (loading, out of memory,
                        read only, busy). Nothing is wrong with the request: try again later.

Everything else (a wrong password, a broken script) stays the error of the library: trying again cannot help.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

# redis-py knows some states of a server as classes and leaves the others as text.
_PASSING_CLASSES = (
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
)
PASSING_PREFIXES = (
    "LOADING",
    "OOM",
    "READONLY",
    "BUSY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOREPLICAS",
    "MISCONF",
)


class RedisUnavailable(Exception):
    """Redis cannot serve now. Callers retry, or answer without it."""


@contextmanager
def passing_failures() -> Iterator[None]:
    """Turns those failures of redis-py that go away by themselves into RedisUnavailable."""
    try:
        yield
    except exceptions.AuthenticationError:
        raise
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        raise RedisUnavailable(str(error)) from error
    except exceptions.ResponseError as error:
        if isinstance(error, _PASSING_CLASSES) or str(error).startswith(PASSING_PREFIXES):
            raise RedisUnavailable(str(error)) from error
        raise
