"""Keys of logs about users from which one user can be erased: unique per record, and they name the user.

A log keyed by user alone could only be kept whole or compacted to one record a user. With a unique key a null value
takes out exactly one record. Records still go to the partition of their user, so whoever writes them names it.
"""

from typing import Final

from streams.contract.partitioning import partition_of

_SEPARATOR: Final = b"\0"


def record_key(user_id: str, record_id: str) -> bytes:
    """The key of one record about a user; `record_id` is unique among the user's records and has no NUL.

    >>> record_key("u1", "v1.0.41.18c")
    b'u1\\x00v1.0.41.18c'
    """
    return user_id.encode() + _SEPARATOR + record_id.encode()


def user_of(key: bytes) -> bytes:
    """The user id in a key, as UTF-8; the whole key when it names nothing else."""
    return key.rpartition(_SEPARATOR)[0] or key


def user_partition(user_id: str, partitions: int) -> int:
    """The partition of everything about a user."""
    return partition_of(user_id.encode(), partitions)
