"""One ready list as one Redis value that can be cut anywhere without parsing it.

Layout, all integers big-endian:

    at  type  what                          then
    0   u8    magic 0xF5                    header_len bytes   header, a JSON object
    1   u8    format version                count * u32        running sums of fragment lengths
    2   u32   as_of partition               as the sums say    fragments joined with ","
    6   i64   as_of offset                  the rest           facts of each item, one a line, each behind "\n"
    14  i64   term of the owner who wrote it        0 until it is written
    22  i64   number of the write within the term   0 until it is written
    30  i64   generated_at_ms
    38  u32   how often its user's limits changed since   0 when it is written
    42  i64   expires_at_ms
    50  u16   count
    52  u32   header_len

What a list reflects (partition, offset) and when it was written in terms of `serving.write_order` come first, where the
Lua script of `serving.redis_writer` finds them.
The sums do not count the commas: fragment i lies at [sum[i-1] + i, sum[i] + i). That keeps encoding inside C functions.
What the user may see lies beside the list (serving/audience.py). Who changes it while the list stays counts that in
the list (serving/change_audience.lua): a reader who knows the one need not read it again while the other is the same.
Facts (serving/eligibility.py) say who may be shown an item. Readers who need none of them stop before.

The header holds what is true of the whole list; the endpoint appends `recommendations` to it as bytes, and `variant`
where the list is of no experiment.
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
from serving.write_order import Order

MAGIC = 0xF5
FORMAT_VERSION = 3
MAX_ITEMS = 1000
SHARED_PARTITION = 0
SHARED_OFFSET = -1

_FORMAT = bytes((MAGIC, FORMAT_VERSION))
_PREFIX = struct.Struct(">2sIqqqqIqHI")
_FIELDS = struct.Struct(">2xIqqqqIqHI")  # the same without what _FORMAT is compared with
_ORDER = struct.Struct(">qq")
_ORDER_AT = 14
_SUM = struct.Struct(">I")
_as_tuple = tuple.__new__  # makes a NamedTuple without counting its fields again: a third of the time
PREFIX_BYTES = _PREFIX.size
#: The part of a value that no other list under its key has, nor the same beside other limits: what it reflects, its
#: write, when it was made, how often its user's limits changed since.
WHICH_ONE = slice(2, 42)


class UnreadableList(ValueError):
    """The value is no list of this format version: cut short, foreign, or written by another release."""


class Prefix(NamedTuple):
    """The fixed part of a list. Times in ms since the epoch; offset -1 in a shared list; term and sequence as in
    `write_order.Order`. `limits_changed`: how often what its user may see changed since it was written."""

    partition: int
    offset: int
    term: int
    sequence: int
    generated_at_ms: int
    limits_changed: int
    expires_at_ms: int
    items: int
    header_bytes: int


@dataclass(frozen=True, slots=True)
class ListStamp:
    """What all lists of one batch and partition share; makes their headers without formatting times again.

    `source` is "personal", "segment" or "popular". `expires_at_ms` must not lie before `generated_at_ms`.
    `experiment_id` and `variant` name the experiments that the lists are made under (`serving.experiments`), "" = none.
    """

    model_version: str
    source: str
    partition: int
    generated_at_ms: int
    expires_at_ms: int
    experiment_id: str = ""
    variant: str = ""
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
        if self.experiment_id:
            common |= {"experiment_id": self.experiment_id, "variant": self.variant}
        object.__setattr__(self, "_common", orjson.dumps(common)[1:-1])

    def recommendation_id(self, offset: int, context: str = "") -> str:
        """Names one list of a user: version, what it reflects, when it was made, and its context when that is not the
        homepage. Unique together with the user id."""
        name = f"{self.model_version}.{self.partition}.{offset}.{self.generated_at_ms:x}"
        return f"{name}.{context}" if context else name

    def personal(
        self,
        user_id: str,
        offset: int,
        fragments: Sequence[bytes],
        facts: Sequence[bytes] = (),
        *,
        context: str = "",
        page: bytes = b"",
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
        return encode(self.partition, offset, self.generated_at_ms, self.expires_at_ms, header, fragments, facts)

    def plain(self, offset: int, facts: bytes) -> bytes:
        """A JSON object with members (one line of JSON, not cut by anybody) that says first what it reflects."""
        return b'{"as_of":{"partition":%d,"offset":%d},"model_version":%b,"generated_at":"%b",%b' % (
            self.partition,
            offset,
            orjson.dumps(self.model_version),
            rfc3339(self.generated_at_ms).encode(),
            facts[1:],
        )

    def shared(self, fragments: Sequence[bytes], facts: Sequence[bytes] = ()) -> bytes:
        """The value of a list that belongs to no user (popular, similar, trending)."""
        header = b'{%b,"as_of":null}' % self._common
        times = self.generated_at_ms, self.expires_at_ms
        return encode(SHARED_PARTITION, SHARED_OFFSET, *times, header, fragments, facts)


@lru_cache(maxsize=MAX_ITEMS + 1)
def _sums(count: int) -> struct.Struct:
    return struct.Struct(f">{count}I")


def encode(
    partition: int,
    offset: int,
    generated_at_ms: int,
    expires_at_ms: int,
    header: bytes,
    fragments: Sequence[bytes],
    facts: Sequence[bytes] = (),
) -> bytes:
    """One list as bytes; `header` is a JSON object with at least one member, `fragments` are JSON objects, `facts` tell
    of each (none: where a reader's limits must be looked at, no item is shown).

    Raises ValueError above MAX_ITEMS fragments.
    """
    count = len(fragments)
    if count > MAX_ITEMS:
        raise ValueError(f"{count} items are more than {MAX_ITEMS}")
    prefix = _PREFIX.pack(_FORMAT, partition, offset, 0, 0, generated_at_ms, 0, expires_at_ms, count, len(header))
    sums = _sums(count).pack(*accumulate(map(len, fragments)))
    told = b"\n" + b"\n".join(facts) if facts else b""
    return b"".join((prefix, header, sums, b",".join(fragments), told))


def ordered(value: bytes, order: Order) -> bytes:
    """The list with its place among the writes of its partition."""
    return b"".join((value[:_ORDER_AT], _ORDER.pack(*order), value[_ORDER_AT + _ORDER.size :]))


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


def facts_each(value: bytes, prefix: Prefix) -> list[bytes]:
    """The facts of every item, empty where the list says none."""
    told = value[end_of(value, prefix, prefix.items) :].split(b"\n")[1:]
    return told if len(told) == prefix.items else [b""] * prefix.items


def decode(value: bytes) -> dict[str, Any]:
    """The whole list as a dictionary with `recommendations`; for people, tests and inspection, not for the hot path."""
    prefix = read_prefix(value)
    body: dict[str, Any] = orjson.loads(header_bytes(value, prefix))
    body["recommendations"] = orjson.loads(b"[%b]" % cut(value, prefix, 0, prefix.items))
    return body
