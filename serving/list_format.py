"""One ready list as one Redis value: which items by their keys, how high and why, joined with cards when it is shown.

Layout, the fixed part big-endian:

    at  type  what                          then
    0   u8    magic 0xF5                    header_len bytes   header, a JSON object
    1   u8    format version                u8                 what kind of items they are, see below
    2   u32   as_of partition               u16                sayings
    6   i64   as_of offset                  count * u64        keys of the items, best first
    14  i64   term of the owner who wrote it        0 until it is written
    22  i64   number of the write within the term   0 until it is written
    30  i64   generated_at_ms
    38  u32   how often its user's limits changed since   0 when it is written
    42  i64   expires_at_ms
    50  u16   count
    52  u32   header_len

What a list reflects (partition, offset) and when it was written in terms of `serving.write_order` come first, where the
Lua script of `serving.redis_writer` finds them.
What the user may see lies beside the list (serving/audience.py). Who changes it while the list stays counts that in
the list (serving/change_audience.lua): a reader who knows the one need not read it again while the other is the same.

The items, little-endian. Of `SCORED` ones:

    count * u16   scores in steps of 1/10000: at most 0.00005 beside the score
    count * u8    the place of what is said of each (u16 when there are more than 256 sayings)
    each saying   u64 key of the item that its text cites at its end, 0 = none; u8 places of its text, its reason code
                  and its algorithm among the strings
    strings       u8 how many, then each as u16 length and UTF-8

Of `BEGUN` ones, which their user may go on with:

    count * u16   progress in tenths of a percent
    count * u32   position in tenths of a second
    count * i64   when it was, ms since the epoch

Titles are in no list, nor who may be shown an item: both are on the item's card (serving/item_card.py), so that what
the catalogue says anew holds for every list at once.

The header holds what is true of the whole list; the endpoint appends `recommendations` to it as bytes, and `variant`
where the list is of no experiment.
A shared list (popular, similar, trending) has partition 0, offset -1 and a header without user and recommendation id.
Values of the former format version, which carried whole fragments, are read by `serving.former_format`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

import orjson

from serving.fragments import rfc3339
from serving.write_order import Order

MAGIC = 0xF5
FORMAT_VERSION = 4
FORMER_VERSION = 3
MAX_ITEMS = 1000
SHARED_PARTITION = 0
SHARED_OFFSET = -1
SCORED, BEGUN = 1, 2

_FORMAT = bytes((MAGIC, FORMAT_VERSION))
_FORMER = bytes((MAGIC, FORMER_VERSION))
_PREFIX = struct.Struct(">2sIqqqqIqHI")
_FIELDS = struct.Struct(">2xIqqqqIqHI")  # the same without what _FORMAT is compared with
_ORDER = struct.Struct(">qq")
_ORDER_AT = 14
_KIND = struct.Struct("<BH")
_SAYING = struct.Struct("<QBBB")
_STRING = struct.Struct("<H")
_FEW = 256  # sayings, of which a byte can name each
_MOST_TENTHS = 2**32 - 1
_as_tuple = tuple.__new__  # makes a NamedTuple without counting its fields again: a third of the time
PREFIX_BYTES = _PREFIX.size
SAYING_BYTES = _SAYING.size
#: The part of a value that no other list under its key has, nor the same beside other limits: what it reflects, its
#: write, when it was made, how often its user's limits changed since.
WHICH_ONE = slice(2, 42)

Told = TypeVar("Told")


class UnreadableList(ValueError):
    """The value is no list of this format version: cut short, foreign, or written by another release."""


class Explanation(NamedTuple):
    """What is said of an item: why it is listed, in words that end with the title of the item of key `cited` (0 =
    with none), as a code, and which generator speaks for it."""

    text: str
    code: str
    algorithm: str
    cited: int = 0


class Begun(NamedTuple):
    """An item that somebody may go on with: progress 0-100, position in s, when, in ms since the epoch."""

    key: int
    progress_pct: float
    position_s: float
    updated_at_ms: int


class Items(NamedTuple):
    """The items of a list as they stand in it, and how many."""

    size: int
    encoded: bytes


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
        items: Items,
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
        return encode(self.partition, offset, self.generated_at_ms, self.expires_at_ms, header, items)

    def plain(self, offset: int, facts: bytes) -> bytes:
        """A JSON object with members (one line of JSON, not cut by anybody) that says first what it reflects."""
        return b'{"as_of":{"partition":%d,"offset":%d},"model_version":%b,"generated_at":"%b",%b' % (
            self.partition,
            offset,
            orjson.dumps(self.model_version),
            rfc3339(self.generated_at_ms).encode(),
            facts[1:],
        )

    def shared(self, items: Items) -> bytes:
        """The value of a list that belongs to no user (popular, similar, trending)."""
        header = b'{%b,"as_of":null}' % self._common
        times = self.generated_at_ms, self.expires_at_ms
        return encode(SHARED_PARTITION, SHARED_OFFSET, *times, header, items)


def scored(keys: bytes, steps: bytes, told: Sequence[Told], said: Callable[[Told], Explanation]) -> Items:
    """Items by their keys (little-endian u64 each), best first, with scores in steps (u16 each) and what is told of
    each, of which `said` tells the words. Raises ValueError above MAX_ITEMS."""
    numbers: dict[Told, int] = {}
    places = [numbers.setdefault(one, len(numbers)) for one in told]
    strings: dict[str, int] = {}
    place_of, sayings = strings.setdefault, []
    for text, code, algorithm, cited in map(said, numbers):
        places_in = place_of(text, len(strings)), place_of(code, len(strings)), place_of(algorithm, len(strings))
        sayings.append(_SAYING.pack(cited, *places_in))
    parts = [_KIND.pack(SCORED, len(sayings)), keys, steps]
    parts.append(bytes(places) if len(sayings) <= _FEW else shorts(len(places)).pack(*places))
    parts += sayings
    parts.append(bytes((len(strings),)))
    for string in map(str.encode, strings):
        parts += (_STRING.pack(len(string)), string)
    return _items(len(places), parts)


def begun(entries: Sequence[Begun]) -> Items:
    """Items that somebody may go on with. Raises ValueError above MAX_ITEMS."""
    count = len(entries)
    progress = [round(entry.progress_pct * 10) for entry in entries]
    positions = [min(round(entry.position_s * 10), _MOST_TENTHS) for entry in entries]
    parts = [
        _KIND.pack(BEGUN, 0),
        longs(count).pack(*[entry.key for entry in entries]),
        shorts(count).pack(*progress),
        struct.pack(f"<{count}I", *positions),
        struct.pack(f"<{count}q", *[entry.updated_at_ms for entry in entries]),
    ]
    return _items(count, parts)


def _items(count: int, parts: Iterable[bytes]) -> Items:
    if count > MAX_ITEMS:
        raise ValueError(f"{count} items are more than {MAX_ITEMS}")
    return Items(count, b"".join(parts))


@lru_cache(maxsize=MAX_ITEMS + 1)
def longs(count: int) -> struct.Struct:
    """So many u64."""
    return struct.Struct(f"<{count}Q")


@lru_cache(maxsize=MAX_ITEMS + 1)
def shorts(count: int) -> struct.Struct:
    """So many u16."""
    return struct.Struct(f"<{count}H")


@lru_cache(maxsize=MAX_ITEMS + 1)
def _sayings(count: int) -> struct.Struct:
    return struct.Struct(f"{SAYING_BYTES}s" * count)


NOTHING = Items(0, b"".join((_KIND.pack(SCORED, 0), b"\0")))


def encode(
    partition: int, offset: int, generated_at_ms: int, expires_at_ms: int, header: bytes, items: Items = NOTHING
) -> bytes:
    """One list as bytes; `header` is a JSON object with at least one member."""
    prefix = _PREFIX.pack(_FORMAT, partition, offset, 0, 0, generated_at_ms, 0, expires_at_ms, items.size, len(header))
    return b"".join((prefix, header, items.encoded))


def ordered(value: bytes, order: Order) -> bytes:
    """The list with its place among the writes of its partition."""
    return b"".join((value[:_ORDER_AT], _ORDER.pack(*order), value[_ORDER_AT + _ORDER.size :]))


def read_prefix(value: bytes) -> Prefix:
    """The fixed part. Raises UnreadableList when the value is too short or of a format version that is not known."""
    if len(value) < PREFIX_BYTES:
        raise UnreadableList(f"{len(value)} bytes are shorter than the fixed part")
    if not value.startswith(_FORMAT) and not value.startswith(_FORMER):
        raise UnreadableList(f"magic {value[0]:#x} version {value[1]} is not {MAGIC:#x} version {FORMAT_VERSION}")
    prefix = _as_tuple(Prefix, _FIELDS.unpack_from(value))
    if len(value) < PREFIX_BYTES + prefix.header_bytes:
        raise UnreadableList("the value ends inside its header")
    return prefix


def is_former(value: bytes) -> bool:
    """Whether a list that `read_prefix` takes is of the former format version."""
    return value[1] == FORMER_VERSION


def header_bytes(value: bytes, prefix: Prefix) -> bytes:
    """The header as JSON bytes, ready to be extended by cutting off its last brace."""
    return value[PREFIX_BYTES : PREFIX_BYTES + prefix.header_bytes]


class ScoredItems(NamedTuple):
    """The first items of a list: `keys` and score `steps`, the `places` of what is said of each among the `sayings`
    (bytes each, which mean something beside the `strings` of the list only)."""

    keys: tuple[int, ...]
    steps: tuple[int, ...]
    places: Sequence[int]
    sayings: tuple[bytes, ...]
    strings: bytes


def is_begun(value: bytes, prefix: Prefix) -> bool:
    """Whether its items are those that somebody may go on with. Raises UnreadableList."""
    at = PREFIX_BYTES + prefix.header_bytes
    if len(value) <= at:
        raise UnreadableList("the value ends before its items")
    return value[at] == BEGUN


def read_keys(value: bytes, prefix: Prefix) -> tuple[int, ...]:
    """The keys of all items. Raises UnreadableList when the value ends inside them."""
    try:
        return longs(prefix.items).unpack_from(value, PREFIX_BYTES + prefix.header_bytes + _KIND.size)
    except struct.error:
        raise UnreadableList("the value ends inside its items") from None


def read_scored(value: bytes, prefix: Prefix, count: int) -> ScoredItems:
    """The first `count` items, or all when there are fewer. Raises UnreadableList when the value ends too soon or its
    items are of another kind."""
    total, at = prefix.items, PREFIX_BYTES + prefix.header_bytes
    if count > total:
        count = total
    try:
        kind, said = _KIND.unpack_from(value, at)
        if kind != SCORED:
            raise UnreadableList(f"items of kind {kind} have no scores")
        columns = _columns(count, total).unpack_from(value, at + _KIND.size)
        places_at = at + _KIND.size + 10 * total
        if said <= _FEW:
            places: Sequence[int] = value[places_at : places_at + count]
            sayings_at = places_at + total
        else:
            places = shorts(count).unpack_from(value, places_at)
            sayings_at = places_at + 2 * total
        # They are in the order of their first use: the first items need the first of them, and no more than they are.
        sayings = _sayings(min(count, said)).unpack_from(value, sayings_at)
    except struct.error:
        raise UnreadableList("the value ends inside its items") from None
    strings_at = sayings_at + SAYING_BYTES * said
    if len(value) <= strings_at:
        raise UnreadableList("the value ends inside its items")
    return _as_tuple(ScoredItems, (columns[:count], columns[count:], places, sayings, value[strings_at:]))


@lru_cache(maxsize=4096)  # readers ask for few lengths of lists of few lengths
def _columns(count: int, total: int) -> struct.Struct:
    """Keys and steps of the first `count` of `total` items."""
    return struct.Struct(f"<{count}Q{8 * (total - count)}x{count}H")


def read_begun(value: bytes, prefix: Prefix) -> list[Begun]:
    """The items that somebody may go on with. Raises UnreadableList."""
    count, at = prefix.items, PREFIX_BYTES + prefix.header_bytes + _KIND.size
    try:
        if value[at - _KIND.size] != BEGUN:
            raise UnreadableList("items that nobody has begun")
        keys = longs(count).unpack_from(value, at)
        progress = shorts(count).unpack_from(value, at + 8 * count)
        positions = struct.unpack_from(f"<{count}I", value, at + 10 * count)
        moments = struct.unpack_from(f"<{count}q", value, at + 14 * count)
    except (struct.error, IndexError):
        raise UnreadableList("the value ends inside its items") from None
    return [
        Begun(key, tenths / 10, position / 10, at_ms)
        for key, tenths, position, at_ms in zip(keys, progress, positions, moments, strict=True)
    ]


def strings_in(encoded: bytes) -> list[str]:
    """The strings of a list. Raises UnreadableList."""
    strings, at = [], 1
    for _ in range(encoded[0]):
        if at + _STRING.size > len(encoded):
            raise UnreadableList("the value ends inside its strings")
        (length,) = _STRING.unpack_from(encoded, at)
        at += _STRING.size + length
        if at > len(encoded):
            raise UnreadableList("the value ends inside its strings")
        strings.append(encoded[at - length : at].decode())
    return strings


def said_by(saying: bytes, strings: Sequence[str]) -> Explanation:
    """What a saying says. Raises UnreadableList when it points outside of the strings."""
    cited, text, code, algorithm = _SAYING.unpack(saying)
    if max(text, code, algorithm) >= len(strings):
        raise UnreadableList("a saying points outside of the strings")
    return Explanation(strings[text], strings[code], strings[algorithm], cited)
