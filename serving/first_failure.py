"""Steps that do not need each other, where one primary of several may be away: all are tried, and the first failure is
told at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from serving.redis_errors import RedisUnavailable


class FirstFailure:
    """Of several steps that Redis may be away for."""

    def __init__(self) -> None:
        self._error: RedisUnavailable | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """One step. RedisUnavailable ends it, and nothing else."""
        try:
            yield
        except RedisUnavailable as error:
            self._error = self._error or error

    def tell(self) -> None:
        """After the last step. Raises the RedisUnavailable of the first that met one."""
        if self._error is not None:
            raise self._error
