"""What can go wrong between us and Redis.

    RedisUnavailable    nobody answers in time, or the server answers that it cannot now (loading, out of memory,
                        read only, busy). Nothing is wrong with the request: try again later.
    NotTheWriter        the keys of a partition's users are somebody else's to write, or Redis does not know whose.

Everything else (a wrong password, a broken script) stays the error of the library: trying again cannot help.
"""

from __future__ import annotations


class RedisUnavailable(Exception):
    """Redis cannot serve now. Callers retry, or answer without it."""


class NotTheWriter(Exception):
    """Another process is noted as the writer of these keys, or none. Callers prove that they are."""
