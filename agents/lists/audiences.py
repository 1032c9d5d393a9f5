"""What the endpoint is told about users, so that it can leave out what somebody may not see."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from weakref import WeakKeyDictionary

import numpy as np

from ranking.filters.request_context import RequestContexts, country_of, language_of
from serving.audience import MAX_UNWANTED, NO_FILTER, encode
from serving.eligibility import ANY_CODE, code, language_code
from serving.seen_filter import SHIFTS, item_hash, log2_bits
from streams.contract.unreadable import ANY_GENRE
from tables.item_model import ItemModel
from tables.seen import Seen

_SHIFTS = np.array(SHIFTS, np.uint64)


def audience_record(contexts: RequestContexts, number: int, model: ItemModel, lists_end_ms: int | None) -> bytes:
    """The record of one of the contexts, who is a user, whose lists, made with it, are right until `lists_end_ms`;
    None: their lists are older."""
    asked = user, profile = contexts.asked[number]
    assert user is not None, "strangers have no record"
    said = profile.disliked_genres if profile else ()
    names = {model.catalog.genre_names[genre] for genre in contexts.unwanted_genres(number, model)}.union(said)
    codes = {ANY_CODE} if ANY_GENRE in names or len(names) > MAX_UNWANTED else {code(name) for name in names}
    return encode(
        user.user_id,
        int(contexts.ages[number]),
        country_of(asked) or "",
        language_code(language_of(asked)),
        codes,
        seen_filter(user.seen),
        made=lists_end_ms is not None,
        until_ms=lists_end_ms or 0,
    )


@dataclass(slots=True)
class _Filter:
    """What `seen_filter` made of the first `read` items of a memory."""

    forgotten: int
    read: int
    log2: int
    bits: bytearray


_filters: WeakKeyDictionary[Seen, _Filter] = WeakKeyDictionary()


def seen_filter(seen: Seen) -> tuple[int, bytes]:
    """What somebody has met as (log2 of the bits, the bits) of `serving.seen_filter`, at the cost of what is new."""
    met = seen.hours
    if not met:
        return NO_FILTER
    log2, kept = log2_bits(len(met)), _filters.get(seen)
    if kept is None or (kept.forgotten, kept.log2) != (seen.forgotten, log2):
        kept = _filters[seen] = _Filter(seen.forgotten, len(met), log2, _filter_of(met, log2))
    for item_id in islice(reversed(met), len(met) - kept.read):
        hashed = item_hash(item_id)
        for shift in SHIFTS:
            place = (hashed >> shift) & ((1 << log2) - 1)
            kept.bits[place >> 3] |= 1 << (place & 7)
    kept.read = len(met)
    return log2, bytes(kept.bits)


def _filter_of(items: Collection[str], log2: int) -> bytearray:
    hashes = np.fromiter(map(item_hash, items), np.uint64, len(items))
    places = (hashes[:, None] >> _SHIFTS) & np.uint64((1 << log2) - 1)
    bits = np.zeros(1 << log2, np.bool_)
    bits[places] = True
    return bytearray(np.packbits(bits, bitorder="little"))
