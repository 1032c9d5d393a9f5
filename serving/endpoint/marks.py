"""Notes about users as the commands that put them into sorted sets, one set for each partition of users."""

from __future__ import annotations

from collections.abc import Callable

from serving import resp
from streams.contract.identities import PLAIN, Identities
from streams.contract.partitioning import partition_of

CHUNK = 500  # marks in one command: Redis serves nobody else meanwhile


class UserMarks:
    """Knows to which of the partitions of the log a user belongs, and under which id they are stored."""

    def __init__(self, partitions: int, identities: Identities = PLAIN) -> None:
        self._partitions = partitions
        self._stored_id = identities.of

    def frames(self, key_of: Callable[[int], str], users: list[str], now_s: int) -> list[tuple[bytes, bytes]]:
        """ZADD of the users' stored ids, scored by the second, to the keys of their partitions, each with its key."""
        members: dict[int, list[bytes]] = {}
        for user_id in users:
            partition = partition_of(user_id.encode(), self._partitions)
            members.setdefault(partition, []).append(self._stored_id(user_id).encode())
        second = b"%d" % now_s
        return [
            _frame(key_of(partition), second, of_partition[start : start + CHUNK])
            for partition, of_partition in members.items()
            for start in range(0, len(of_partition), CHUNK)
        ]


def _frame(key: str, second: bytes, members: list[bytes]) -> tuple[bytes, bytes]:
    scored = [part for member in members for part in (second, member)]
    return resp.command(b"ZADD", key.encode(), *scored), key.encode()
