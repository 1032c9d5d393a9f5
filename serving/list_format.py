"""One ready list as one Redis value that can be cut anywhere without parsing it.

Layout, all integers big-endian:

    at  type  what                          then
    0   u8    magic 0xF5                    header_len bytes   header, a JSON object
    1   u8    format version                count * u32        running sums of fragment lengths
    2   u32   as_of partition               the rest           fragments joined with ","
    6   i64   as_of offset
    14  i64   generated_at_ms
    22  i64   expires_at_ms
    30  u16   count
    32  u32   header_len

What a list reflects (partition, offset) comes first where the Lua script of `serving.redis_writer` finds it.
The sums do not count the commas: fragment i lies at [sum[i-1] + i, sum[i] + i). That keeps encoding inside C functions.

The header holds what is true of the whole list; the endpoint appends `recommendations` (and `variant`) to it as bytes.
A shared list (popular, similar, trending) has partition 0, offset -1 and a header without user and recommendation id.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import orjson

from serving.fragments import rfc3339

MAGIC = 0xF5
FORMAT_VERSION = 1
MAX_ITEMS = 1000
SHARED_PARTITION = 0
SHARED_OFFSET = -1

_FORMAT = bytes((MAGIC, FORMAT_VERSION))
_PREFIX = struct.Struct(">2sIqqqHI")
_FIELDS = struct.Struct(">2xIqqqHI")  # the same without what _FORMAT is compared with
_SUM = struct.Struct(">I")
_as_tuple = tuple.__new__  # makes a NamedTuple without counting its fields again: a third of the time
PREFIX_BYTES = _PREFIX.size


class UnreadableList(ValueError):
    """The value is no list of this format version: cut short, foreign, or written by another release."""


class Prefix(NamedTuple):
    """The fixed part of a list. Times in ms since the epoch; offset -1 in a shared list."""

    partition: int
    offset: int
    generated_at_ms: int
    expires_at_ms: int
    items: int
    header_bytes: int


@dataclass(frozen=True, slots=True)
class ListStamp:
    """What all lists of one batch and partition share; makes their headers without formatting times again.

    `source` is "personal", "segment" or "popular". `expires_at_ms` must not lie before `generated_at_ms`.
    """

    model_version: str
    source: str
    partition: int
    generated_at_ms: int
    expires_at_ms: int
    _common: bytes = b""

    def __post_init__(self) -> None:
        if self.expires_at_ms < self.generated_at_ms:
            raise ValueError("a list may not expire before it was generated")
        common = {
            "model_version": self.model_version,
            "source": self.source,
            "generated_at": rfc3339(self.generated_at_ms),
            "expires_at": rfc3339(self.expires_at_ms),
        }
        object.__setattr__(self, "_common", orjson.dumps(common)[1:-1])

    def recommendation_id(self, offset: int, context: str = "") -> str:
        """Names one list of a user: version, what it reflects, when it was made, and its context when that is not the
        homepage. Unique together with the user id."""
        name = f"{self.model_version}.{self.partition}.{offset}.{self.generated_at_ms:x}"
        return f"{name}.{context}" if context else name

    def personal(
        self, user_id: str, offset: int, fragments: Sequence[bytes], *, context: str = "", page: bytes = b""
    ) -> bytes:
        """The value of one user's list that reflects the log up to and including `offset`. `page` is a JSON object for
        the header, about the homepage the list is part of; only readers of whole pages look for it."""
        header = b'{"user_id":%b,"recommendation_id":"%b",%b,"as_of":{"partition":%d,"offset":%d}%b}' % (
            orjson.dumps(user_id),
            self.recommendation_id(offset, context).encode(),
            self._common,
            self.partition,
            offset,
            b',"page":%b' % page if page else b"",
        )
        return encode(self.partition, offset, self.generated_at_ms, self.expires_at_ms, header, fragments)

    def plain(self, offset: int, facts: bytes) -> bytes:
        """A JSON object with members (one line of JSON, not cut by anybody) that says first what it reflects."""
        return b'{"as_of":{"partition":%d,"offset":%d},"model_version":%b,"generated_at":"%b",%b' % (
            self.partition,
            offset,
            orjson.dumps(self.model_version),
            rfc3339(self.generated_at_ms).encode(),
            facts[1:],
        )

    def shared(self, fragments: Sequence[bytes]) -> bytes:
        """The value of a list that belongs to no user (popular, similar, trending)."""
        header = b'{%b,"as_of":null}' % self._common
        return encode(SHARED_PARTITION, SHARED_OFFSET, self.generated_at_ms, self.expires_at_ms, header, fragments)


@lru_cache(maxsize=MAX_ITEMS + 1)
def _sums(count: int) -> struct.Struct:
    return struct.Struct(f">{count}I")


def encode(
    partition: int, offset: int, generated_at_ms: int, expires_at_ms: int, header: bytes, fragments: Sequence[bytes]
) -> bytes:
    """One list as bytes; `header` is a JSON object with at least one member, `fragments` are JSON objects.

    Raises ValueError above MAX_ITEMS fragments.
    """
    count = len(fragments)
    if count > MAX_ITEMS:
        raise ValueError(f"{count} items are more than {MAX_ITEMS}")
    prefix = _PREFIX.pack(_FORMAT, partition, offset, generated_at_ms, expires_at_ms, count, len(header))
    sums = _sums(count).pack(*accumulate(map(len, fragments)))
    return b"".join((prefix, header, sums, b",".join(fragments)))


def read_prefix(value: bytes) -> Prefix:
    """The fixed part. Raises UnreadableList when the value is too short or of another format version."""
    if len(value) < PREFIX_BYTES:
        raise UnreadableList(f"{len(value)} bytes are shorter than the fixed part")
    if not value.startswith(_FORMAT):
        raise UnreadableList(f"magic {value[0]:#x} version {value[1]} is not {MAGIC:#x} version {FORMAT_VERSION}")
    prefix = _as_tuple(Prefix, _FIELDS.unpack_from(value))
    if len(value) < PREFIX_BYTES + prefix.header_bytes + 4 * prefix.items:
        raise UnreadableList("the value ends inside its header or its table")
    return prefix


def header_bytes(value: bytes, prefix: Prefix) -> bytes:
    """The header as JSON bytes, ready to be extended by cutting off its last brace."""
    return value[PREFIX_BYTES : PREFIX_BYTES + prefix.header_bytes]


def end_of(value: bytes, prefix: Prefix, count: int) -> int:
    """Where the first `count` ≥ 0 items end in the value, or all when there are fewer."""
    table = PREFIX_BYTES + prefix.header_bytes
    last = min(count, prefix.items) - 1
    if last < 0:
        return table
    return int(table + 4 * prefix.items + _SUM.unpack_from(value, table + 4 * last)[0] + last)


def cut(value: bytes, prefix: Prefix, offset: int, limit: int) -> bytes:
    """Items [offset, offset + limit) as JSON objects joined with ","; empty past the end. Nothing is parsed.

    Offset ≥ 0, limit ≥ 0. Raises UnreadableList when the table points outside of the value.
    """
    count = prefix.items
    last = (offset + limit if offset + limit < count else count) - 1
    if offset > last:
        return b""
    table = PREFIX_BYTES + prefix.header_bytes
    items = table + 4 * count
    end = items + _SUM.unpack_from(value, table + 4 * last)[0] + last
    if end > len(value):
        raise UnreadableList("the value ends inside its items")
    if offset == 0:
        return value[items:end]
    return value[items + _SUM.unpack_from(value, table + 4 * offset - 4)[0] + offset : end]


def cut_each(value: bytes, prefix: Prefix) -> list[bytes]:
    """Every fragment on its own, for the rare paths that must look at items one by one."""
    table = PREFIX_BYTES + prefix.header_bytes
    items = table + 4 * prefix.items
    fragments, start = [], items
    for index, total in enumerate(_sums(prefix.items).unpack_from(value, table)):
        end = items + total + index
        if end > len(value) or end < start:
            raise UnreadableList("the table points outside of the items")
        fragments.append(value[start:end])
        start = end + 1
    return fragments


def decode(value: bytes) -> dict[str, Any]:
    """The whole list as a dictionary with `recommendations`; for people, tests and inspection, not for the hot path."""
    prefix = read_prefix(value)
    body: dict[str, Any] = orjson.loads(header_bytes(value, prefix))
    body["recommendations"] = orjson.loads(b"[%b]" % cut(value, prefix, 0, prefix.items))
    return body
