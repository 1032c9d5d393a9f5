"""Which node of a Redis Cluster holds a key: slots, and the map from slots to primaries. Pure."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable, Sequence
from typing import Any

from serving.redis_address import HostPort

SLOTS = 16_384


class UnusableSlotMap(ValueError):
    """What a node said of the cluster is no map."""


def slot_of(key: bytes) -> int:
    """The hash slot, 0 to 16,383: CRC-16/XMODEM of what stands in the first braces, else of the whole key (the Redis
    Cluster specification).

    >>> slot_of(b"123456789"), slot_of(b"v1:{3}list") == slot_of(b"3")
    (12739, True)
    """
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key, 0) & (SLOTS - 1)


class SlotMap:
    """Who serves each slot, as one node said; immutable but for `moved`."""

    def __init__(self, ranges: Iterable[tuple[int, int, HostPort]]) -> None:
        self._of: list[HostPort | None] = [None] * SLOTS
        for first, last, server in ranges:
            self._of[first : last + 1] = [server] * (last + 1 - first)
        self.primaries = frozenset(server for server in self._of if server is not None)
        self.uncovered = self._of.count(None)

    def of(self, slot: int) -> HostPort | None:
        """The primary of a slot; None = nobody serves it."""
        return self._of[slot]

    def moved(self, slot: int, server: HostPort) -> None:
        """A node said that another one serves the slot."""
        self._of[slot] = server

    @classmethod
    def from_reply(cls, reply: Any, asked: HostPort) -> SlotMap:
        """Out of what the node `asked` answers to CLUSTER SLOTS, undecoded. Raises UnusableSlotMap."""
        try:
            return cls([(int(first), int(last), _server(node, asked)) for first, last, node, *_ in reply])
        except (TypeError, ValueError, IndexError) as error:
            raise UnusableSlotMap(f"CLUSTER SLOTS is answered with {reply!r:.200}") from error


def _server(node: Sequence[Any], asked: HostPort) -> HostPort:
    host, port = node[0], int(node[1])
    name = host.decode() if isinstance(host, bytes) else host
    return HostPort(name if name and name != "?" else asked.host, port)  # a node may not know how it is called


def redirected_to(error: str, asked: HostPort) -> tuple[bool, int, HostPort] | None:
    """What MOVED or ASK says: whether for good, the slot, and who is to be asked; None for every other error.

    >>> redirected_to("MOVED 3999 127.0.0.1:6381", HostPort("a", 1))
    (True, 3999, HostPort(host='127.0.0.1', port=6381))
    """
    words = error.split(" ")
    if words[0] not in ("MOVED", "ASK") or len(words) != 3:
        return None
    host, _, port = words[2].rpartition(":")
    return words[0] == "MOVED", int(words[1]), HostPort(host or asked.host, int(port))
