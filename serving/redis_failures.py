"""Sorts redis-py's errors into those that pass by themselves (RedisUnavailable) and those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from serving.redis_errors import RedisUnavailable

# redis-py knows some states of a server as classes and leaves the others as text.
_PASSING_CLASSES = (
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
)
_PASSING_PREFIXES = ("BUSY", "NOREPLICAS", "MISCONF")


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
        if isinstance(error, _PASSING_CLASSES) or str(error).startswith(_PASSING_PREFIXES):
            raise RedisUnavailable(str(error)) from error
        raise
