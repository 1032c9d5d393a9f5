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
    return named(host.decode() if isinstance(host, bytes) else host, port, asked)


def named(host: str | None, port: int, asked: HostPort) -> HostPort:
    """Whom the node `asked` names. One that does not know how it, or another, is called says "" or "?", and means the
    host that it was asked at."""
    return HostPort(host if host and host != "?" else asked.host, port)


def redirected_to(error: str, asked: HostPort) -> tuple[bool, int, HostPort] | None:
    """What MOVED or ASK says: whether for good, the slot, and who is to be asked; None for every other error, and for
    what names no slot or no port.

    >>> redirected_to("MOVED 3999 127.0.0.1:6381", HostPort("a", 1))
    (True, 3999, HostPort(host='127.0.0.1', port=6381))
    """
    words = error.split(" ")
    if words[0] not in ("MOVED", "ASK") or len(words) != 3:
        return None
    host, _, port = words[2].rpartition(":")
    if not (words[1].isdecimal() and int(words[1]) < SLOTS and port.isdecimal() and 0 < int(port) < 65_536):
        return None
    return words[0] == "MOVED", int(words[1]), named(host, int(port), asked)
