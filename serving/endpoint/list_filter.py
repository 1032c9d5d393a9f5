"""Lists joined with the cards of their items, and cut down to what an audience may see."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from serving.audience import Audience
from serving.eligibility import ALWAYS_MS, AnyLimits, ViewingLimits, age_of, changes_ms, is_bounded
from serving.endpoint.card_fields import Fields
from serving.endpoint.cards import Cards
from serving.endpoint.version_cards import VersionCards
from serving.former_format import read_former
from serving.list_format import Prefix, is_begun, is_former, read_begun, read_keys, read_scored

MAX_SPLIT = 512  # lists of 100 items, 25 KB each
MAX_FILTERED = 4096
#: A list that was made so soon after an item was restricted may have been made without knowing it: workers follow the
#: catalogue each at their own pace, and by their own clocks.
UNSURE_MS = 60_000

#: An item: its key, and its fragment.
Item = tuple[int, bytes]


class Pieces(NamedTuple):
    """The items of a list that have cards, with the facts of each and when these last changed."""

    items: list[Item]
    facts: list[bytes]
    restated_ms: list[int]


class FilteredList(NamedTuple):
    """The items of a list that an audience may see until `until_ms`. `too_old`: some were left out because of the
    age."""

    items: list[Item]
    too_old: bool
    until_ms: int


def keys_of(value: bytes, prefix: Prefix) -> list[int]:
    """The keys of all items of a list, best first. Raises UnreadableList."""
    if is_former(value):
        return [item.key for item in read_former(value, prefix)]
    return list(read_keys(value, prefix))


async def supply_cards(value: bytes, prefix: Prefix, version_cards: VersionCards) -> None:
    """Fetches the cards that a list needs and that are not held: of its items, and of those that its reasons cite.
    Raises UnreadableList."""
    cards, keys = version_cards.cards, keys_of(value, prefix)
    if not is_former(value) and not is_begun(value, prefix):
        keys += cards.cited_in(read_scored(value, prefix, prefix.items))
    if not cards.held.keys() >= set(keys):
        await cards.fetch(keys)
    elif cards.is_partial:
        cards.touch(keys)


def split(value: bytes, prefix: Prefix, version_cards: VersionCards) -> Pieces:
    """Raises UnreadableList when the list ends too soon. Items without a card are counted and left out."""
    cards, made = version_cards.cards, Pieces([], [], [])
    if is_former(value):
        for former in read_former(value, prefix):
            facts, restated_ms = version_cards.of_former(former)
            made.items.append((former.key, former.fragment))
            made.facts.append(facts)
            made.restated_ms.append(restated_ms)
        return made
    keys: tuple[int, ...] | list[int]
    if is_begun(value, prefix):
        entries = read_begun(value, prefix)
        keys, fragments = [entry.key for entry in entries], list(map(cards.begun_fragment, entries))
    else:
        listed = read_scored(value, prefix, prefix.items)
        keys, fragments = listed.keys, cards.fragments(listed)
    for key, fragment in zip(keys, fragments, strict=True):
        if fragment is None:
            cards.missing += 1
            continue
        card = cards.held[key]
        made.items.append((key, fragment))
        made.facts.append(card.facts)
        made.restated_ms.append(card.restated_ms)
    return made


def filter_pieces(pieces: Pieces, limits: ViewingLimits, now_ms: int) -> FilteredList:
    """What `limits` allow of a list at `now_ms`."""
    allow = limits.allow
    items = [item for item, facts in zip(pieces.items, pieces.facts, strict=True) if allow(facts, now_ms)]
    too_old = len(items) < len(pieces.items) and any(age_of(facts) > limits.age for facts in pieces.facts)
    bounded = filter(is_bounded, pieces.facts)
    until_ms = min((changes_ms(facts, now_ms) for facts in bounded), default=ALWAYS_MS)
    return FilteredList(items, too_old, until_ms)


def filter_list(
    value: bytes, prefix: Prefix, version_cards: VersionCards, limits: ViewingLimits, now_ms: int
) -> list[Item]:
    """What `limits` allow of a list at `now_ms`. Raises UnreadableList."""
    return filter_pieces(split(value, prefix, version_cards), limits, now_ms).items


class _Split(NamedTuple):
    """A list in pieces, of cards of a `generation`. `value` keeps its identity from being used again."""

    value: bytes
    generation: int
    pieces: Pieces


class _Filtered(NamedTuple):
    """What was filtered of pieces, which keep their identity."""

    pieces: Pieces
    filtered: FilteredList


class ListFilter:
    """Remembers what was filtered of shared lists: few lists, few audiences, many readers."""

    def __init__(self) -> None:
        self._split: OrderedDict[int, _Split] = OrderedDict()
        self._filtered: OrderedDict[tuple[int, ViewingLimits], _Filtered] = OrderedDict()

    async def filter_list(
        self, value: bytes, prefix: Prefix, version_cards: VersionCards, limits: ViewingLimits, now_ms: int
    ) -> FilteredList:
        """What `limits` allow of a shared list at `now_ms`. Raises UnreadableList when it ends too soon."""
        pieces = await self._pieces(value, prefix, version_cards)
        key = (id(value), limits)
        known = self._filtered.get(key)
        if known is not None and known.pieces is pieces and now_ms < known.filtered.until_ms:
            return known.filtered
        filtered = filter_pieces(pieces, limits, now_ms)
        self._filtered[key] = _Filtered(pieces, filtered)
        self._filtered.move_to_end(key)
        if len(self._filtered) > MAX_FILTERED:
            self._filtered.popitem(last=False)
        return filtered

    async def _pieces(self, value: bytes, prefix: Prefix, version_cards: VersionCards) -> Pieces:
        known = self._split.get(id(value))
        if known is not None and known.value is value and known.generation == version_cards.generation:
            return known.pieces
        await supply_cards(value, prefix, version_cards)
        pieces = split(value, prefix, version_cards)
        if len(pieces.items) == prefix.items:  # else what is missing is asked for again
            self._split[id(value)] = _Split(value, version_cards.generation, pieces)
            self._split.move_to_end(id(value))
            if len(self._split) > MAX_SPLIT:
                self._split.popitem(last=False)
        return pieces


_ANY = AnyLimits()


def as_made(
    value: bytes, prefix: Prefix, version_cards: VersionCards, limits: ViewingLimits | None, now_ms: int
) -> list[Item]:
    """What is left of a user's own list when nobody knows any more what the user may see: it was made for them, so all
    but what is over, what was restricted since, and what a request's `limits` do not allow. Raises UnreadableList."""
    pieces, allow = split(value, prefix, version_cards), (limits or _ANY).allow
    return [
        item
        for item, facts, restated_ms in zip(*pieces, strict=True)
        if allow(facts, now_ms) and (not restated_ms or restated_ms + UNSURE_MS < prefix.generated_at_ms)
    ]


def left(items: list[Item], audience: Audience | None = None) -> list[Item]:
    """Without what the audience has met."""
    if audience is not None and audience.seen[0]:
        has_met = audience.has_met
        items = [item for item in items if not has_met(item[0])]
    return items


def joined(items: list[Item], offset: int, limit: int, cards: Cards | None = None, fields: Fields = ()) -> bytes:
    """The fragments of a cut, as they stand in an answer, with the `fields` that their `cards` say."""
    cut = items[offset : offset + limit]
    if not fields or cards is None:
        return b",".join([fragment for _, fragment in cut])
    return b",".join([cards.filled(key, fragment, fields) for key, fragment in cut])
