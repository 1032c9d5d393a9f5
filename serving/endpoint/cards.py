"""The cards of one version's items (serving/item_card.py), held in the process: lists name items, cards say the rest.

As many are held as a bound allows, usually those of the whole catalogue; then Redis is asked for what changed since,
once a second. Of a larger catalogue the cards of the items that are shown are held, those that were not shown for
longest go first, and what is missing is fetched with one command. While Redis is away what is held stays.

An item whose card is nowhere is not shown: nobody knows who may see it. `missing` counts how often.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

import orjson

from serving import resp
from serving.eligibility import ViewingLimits
from serving.endpoint.card_fields import Fields, members, titled
from serving.endpoint.genre_names import GenreNames
from serving.fragments import SCORE_BYTES, reason_tail, rfc3339
from serving.item_card import ItemCard, field_of, key_in
from serving.keys import Keys
from serving.list_format import (
    Begun,
    Explanation,
    Prefix,
    ScoredItems,
    UnreadableList,
    read_scored,
    said_by,
    strings_in,
)
from serving.redis_errors import RedisUnavailable
from serving.redis_link import Link
from streams.contract.item_details import decode_details

PAGE: Final = 200  # cards in one reply, 30 KB: it arrives well within the deadline that all replies have
#: What a card costs beside its bytes: objects and its place in the dictionary.
CARD_OVERHEAD_BYTES: Final = 300
#: Fewer would not serve one answer.
LEAST_BYTES: Final = 1 << 20
MAX_WORDINGS: Final = 512
MAX_TAILS: Final = 20_000
#: Different `fields` of which beginnings of fragments are kept, and how much of each: 32 MB together.
MAX_FULLER: Final = 8
MAX_FULLER_BYTES: Final = 4 << 20
#: What one costs beside its bytes.
FULLER_OVERHEAD_BYTES: Final = 150
#: A reason that cites an item of which nobody knows the title any more.
UNCITED: Final = ("Picked for you", "for_you")
_SCORE: Final = b',"score":'


class HeldCard(NamedTuple):
    """A card as answers need it: `head` is a fragment up to its score."""

    head: bytes
    facts: bytes
    restated_ms: int
    details: bytes


class Cleared(Protocol):
    """Up to which `end` all items of a list may be shown at any time, as cards of a `generation` have it."""

    generation: int
    end: int


class Cards:
    """`most_bytes` bounds what is held; LEAST_BYTES at least."""

    def __init__(self, link: Link, keys: Keys, most_bytes: int) -> None:
        self.held: dict[int, HeldCard] = {}
        self._heads: dict[int, bytes] = {}  # the same by themselves: answers need little else
        self._fuller: dict[Fields, FullerHeads] = {}
        #: Items whose cards were read: whoever makes something of the cards takes out what it has made.
        self.changed: set[int] = set()
        #: Of all items whose cards were read.
        self.genres = GenreNames()
        self.missing = 0
        #: Grows whenever the catalogue changed: what was made of cards before is out of date.
        self.generation = 0
        #: What was read in full the last time; b"" = none was written yet.
        self.stamp = b""
        self.is_partial = False
        self._link = link
        self._hash, self._changes, self._stamp_key = (
            name.encode() for name in (keys.cards, keys.card_changes, keys.card_stamp)
        )
        self._most_bytes = max(most_bytes, LEAST_BYTES)
        self._bytes = 0
        #: The epoch, and the number of the last change that was read; with each page, so that what cards say and this
        #: are of one moment.
        self.read_up_to = (b"", b"0")
        self._absent: set[int] = set()  # asked for since the last refresh, and not there
        self._wordings: dict[bytes, _Wording] = {}

    # -- what is held ---------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Reads what changed since the last time. Raises RedisUnavailable, and goes on from there the next time."""
        stamp = await self._link.get(self._stamp_key)
        self._absent.clear()
        if stamp is None or stamp == self.stamp:  # none: nothing was ever written, or Redis was wiped
            return
        epoch, _, _ = stamp.rpartition(b":")
        if epoch != self.read_up_to[0]:
            self.read_up_to = (epoch, b"0")
        while found := await self._changed_after(self.read_up_to[1]):
            fields = found[::2]
            if self.is_partial:
                fields = [field for field in fields if key_in(field) in self.held]
            await self._read(fields)
            self.generation += 1
            self._wordings.clear()  # they cite titles, also of items that are not held any more
            self.read_up_to = (epoch, found[-1])
        self.stamp = stamp

    async def fetch(self, keys: Collection[int]) -> None:
        """Reads those of the cards that are not held; a Redis that is away leaves them missing."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self.held and key not in self._absent]
        if not wanted:
            return
        self.touch(keys)  # of what is held nothing goes to make room for the rest
        try:
            await self._read(list(map(field_of, wanted)))
        except RedisUnavailable:
            return
        self._absent.update(key for key in wanted if key not in self.held)

    async def _changed_after(self, number: bytes) -> list[bytes]:
        frame = resp.command(
            *(b"ZRANGEBYSCORE", self._changes, b"(" + number, b"+inf", b"WITHSCORES", b"LIMIT", b"0", b"%d" % PAGE)
        )
        found: list[bytes] = await self._link.send(frame, self._changes)
        return found

    async def _read(self, fields: Sequence[bytes]) -> None:
        if not fields:
            return
        values = await self._link.send(resp.command(b"HMGET", self._hash, *fields), self._hash)
        for field, value in zip(fields, values, strict=True):
            if value is not None:
                with suppress(ValueError):  # a card that cannot be read is none
                    self._take(key_in(field), ItemCard.decode(value))
        self._trim()

    def _take(self, key: int, card: ItemCard) -> None:
        held = HeldCard(card.shown[:-1] + _SCORE, card.facts, card.restated_ms, card.details)
        former = self.held.pop(key, None)
        self.held[key] = held
        self._heads[key] = held.head
        self.changed.add(key)
        self.genres.learn(decode_details(card.details).genres)
        for heads in self._fuller.values():
            heads.forget(key)
        self._bytes += _size_of(held) - (0 if former is None else _size_of(former))

    def _trim(self) -> None:
        while self._bytes > self._most_bytes:
            self.is_partial = True
            oldest = next(iter(self.held))
            self._bytes -= _size_of(self.held.pop(oldest))
            del self._heads[oldest]
            for heads in self._fuller.values():
                heads.forget(oldest)

    def touch(self, keys: Iterable[int]) -> None:
        """Items were shown: their cards are the last to go."""
        held = self.held
        for key in keys:
            if (card := held.pop(key, None)) is not None:
                held[key] = card

    # -- what answers are made of ---------------------------------------------------------------------------------

    def join(
        self,
        value: bytes,
        prefix: Prefix,
        offset: int,
        limit: int,
        limits: ViewingLimits,
        at_ms: int,
        cleared: Cleared | None = None,
        fields: Fields = (),
    ) -> bytes | None:
        """Fragments [offset, offset + limit) of a list with scores, joined with ","; None when some item up to there
        has no card here or may not be shown. `fields` are what items say beside their titles. `cleared` is what is
        known of this list and these limits, and is told what is found out. Raises UnreadableList."""
        count = prefix.items
        end = offset + limit if offset + limit < count else count
        if end <= offset:
            return b""
        listed = read_scored(value, prefix, end)
        keys, steps, places, sayings, strings = listed
        if end == 1:  # an itemgetter of one gives no tuple
            return self._join_one(listed, limits, at_ms, fields)
        asked = itemgetter(*keys)
        try:
            if cleared is None or cleared.generation != self.generation or cleared.end < end:
                facts = [card.facts for card in asked(self.held)]
                if limits.allowed.issuperset(facts):
                    if cleared is not None:
                        cleared.generation, cleared.end = self.generation, end
                elif not all(map(limits.allow, facts, repeat(at_ms))):
                    return None
            wording = self._wordings.get(strings)
            if wording is None:
                wording = self._wording(strings)
            parts: list[bytes] = [b""] * (3 * end)
            parts[::3] = asked(self._heads if not fields else self._heads_with(fields))
            parts[1::3] = itemgetter(*steps)(SCORE_BYTES)
            parts[2::3] = itemgetter(*places)(list(map(wording.__getitem__, sayings)))
            parts[-1] = parts[-1][:-1]
        except KeyError:
            return None
        except IndexError:
            raise UnreadableList("a score above 1, or a saying that is not there") from None
        if self.is_partial:
            self.touch(keys)
        return b"".join(parts[3 * offset :] if offset else parts)

    def _join_one(self, listed: ScoredItems, limits: ViewingLimits, at_ms: int, fields: Fields) -> bytes | None:
        key = listed.keys[0]
        card = self.held.get(key)
        if card is None or not limits.allow(card.facts, at_ms):
            return None
        fragment = self.fragments(listed)[0]
        return fragment if fragment is None else self.filled(key, fragment, fields)

    def filled(self, key: int, fragment: bytes, fields: Fields) -> bytes:
        """A fragment of an item with more of what its card says."""
        card = self.held.get(key)
        if not fields or card is None or not fragment.startswith(opened := card.head[: -len(_SCORE)]):
            return fragment  # of a list of the former format, with a former title
        return self._heads_with(fields)[key][: -len(_SCORE)] + fragment[len(opened) :]

    def _heads_with(self, fields: Fields) -> FullerHeads:
        heads = self._fuller.pop(fields, None)
        if heads is None:
            if len(self._fuller) >= MAX_FULLER:
                del self._fuller[next(iter(self._fuller))]  # the one that was asked for the longest ago
            heads = FullerHeads(self.held, fields)
        self._fuller[fields] = heads
        return heads

    def page_of(self, key: int, fields: Fields) -> bytes:
        """An item by itself, as a JSON object. Raises KeyError when its card is not held."""
        return self._heads_with(fields)[key][: -len(_SCORE)] + b"}"

    def fragments(self, listed: ScoredItems) -> list[bytes | None]:
        """Each item as a JSON object; None = its card is nowhere. Raises UnreadableList."""
        held, wording = self.held, self._wordings.get(listed.strings)
        if wording is None:
            wording = self._wording(listed.strings)
        made: list[bytes | None] = []
        try:
            for key, step, place in zip(listed.keys, listed.steps, listed.places, strict=True):
                card, score, tail = held.get(key), SCORE_BYTES[step], wording.or_uncited(listed.sayings[place])
                made.append(None if card is None else b"".join((card.head, score, tail))[:-1])
        except IndexError:
            raise UnreadableList("a score above 1, or a saying that is not there") from None
        return made

    def begun_fragment(self, entry: Begun) -> bytes | None:
        """An item that somebody may go on with; None = its card is nowhere."""
        card = self.held.get(entry.key)
        if card is None:
            return None
        return b'%b,"progress_pct":%b,"position_s":%b,"updated_at":"%b"}' % (
            card.head[: -len(_SCORE)],
            orjson.dumps(entry.progress_pct),
            orjson.dumps(entry.position_s),
            rfc3339(entry.updated_at_ms).encode(),
        )

    def title_of(self, key: int) -> str | None:
        """What an item is called; None = its card is nowhere."""
        card = self.held.get(key)
        return None if card is None else str(orjson.loads(card.head + b"0}")["title"])

    def cited_in(self, listed: ScoredItems) -> list[int]:
        """The items that reasons of a list cite. Raises UnreadableList."""
        strings = strings_in(listed.strings)
        return [cited for saying in listed.sayings if (cited := said_by(saying, strings).cited)]

    def _wording(self, strings: bytes) -> _Wording:
        if len(self._wordings) >= MAX_WORDINGS or sum(map(len, self._wordings.values())) >= MAX_TAILS:
            self._wordings.clear()
        made = self._wordings[strings] = _Wording(self, strings_in(strings))
        return made


class FullerHeads(dict[int, bytes]):
    """The beginnings of fragments by key of the item, with some of its details, of MAX_FULLER_BYTES together. Raises
    KeyError where no card is held."""

    def __init__(self, held: Mapping[int, HeldCard], fields: Fields) -> None:
        super().__init__()
        self.size_bytes = 0
        self._held = held
        self._fields = fields

    def __missing__(self, key: int) -> bytes:
        card = self._held[key]
        opened = card.head[: -len(_SCORE)]
        shown = titled(opened + b"}", card.details, self._fields)
        head = shown[:-1] + members(shown, card.details, self._fields) + _SCORE
        size_bytes = len(head) + FULLER_OVERHEAD_BYTES
        if self.size_bytes + size_bytes > MAX_FULLER_BYTES:
            self.clear()
            self.size_bytes = 0
        self[key] = head
        self.size_bytes += size_bytes
        return head

    def forget(self, key: int) -> None:
        """Its card is another one, or gone."""
        if (head := self.pop(key, None)) is not None:
            self.size_bytes -= len(head) + FULLER_OVERHEAD_BYTES


class _Wording(dict[bytes, bytes]):
    """The ends of fragments by saying, of lists with the same strings, each with the comma that follows it. Raises
    KeyError where a title is not held."""

    def __init__(self, cards: Cards, strings: Sequence[str]) -> None:
        super().__init__()
        self._cards = cards
        self._strings = strings

    def __missing__(self, saying: bytes) -> bytes:
        said = said_by(saying, self._strings)
        if not said.cited:
            tail = self[saying] = _tail_of(said)
            return tail
        title = self._cards.title_of(said.cited)
        if title is None:
            raise KeyError(said.cited)
        tail = self[saying] = _tail_of(said._replace(text=said.text + title))
        return tail

    def or_uncited(self, saying: bytes) -> bytes:
        """The same, or what is said where the title is nowhere."""
        try:
            return self[saying]
        except KeyError:
            text, code = UNCITED
            return _tail_of(said_by(saying, self._strings)._replace(text=text, code=code))


def _tail_of(said: Explanation) -> bytes:
    return reason_tail(said.text, said.code, said.algorithm) + b","


def _size_of(card: HeldCard) -> int:
    return len(card.head) + len(card.facts) + len(card.details) + CARD_OVERHEAD_BYTES
