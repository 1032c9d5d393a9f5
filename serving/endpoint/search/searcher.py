"""One reader's search: what is found, without what they may not see, in the order of the text and of their taste."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

from serving import resp
from serving.eligibility import ViewingLimits
from serving.endpoint.bodies import now_ms
from serving.endpoint.list_filter import Item, keys_of
from serving.endpoint.messages import Given
from serving.endpoint.search.item_search import CANDIDATES, MOST_CANDIDATES, ItemSearch
from serving.endpoint.search.text_index import Match
from serving.endpoint.search.words import is_named, name_words, query_words
from serving.endpoint.store import Store
from serving.endpoint.supply import ListReader
from serving.endpoint.versions import Version
from serving.fragments import SCORE_BYTES, SCORE_STEPS, reason_tail
from serving.keys import HOMEPAGE
from serving.redis_errors import RedisUnavailable
from streams.contract.item_details import decode_details

#: How much a place on the reader's own list counts beside the text (1 = the best fit), and one on the popular list.
INTERESTS: Final = 0.4
POPULAR: Final = 0.2
_HALF_PLACE: Final = 20
_REASON: Final = reason_tail("Matches your search", "search", "content")
QUERIES_KEPT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class SearchReader:
    """Whom an answer is for. `own` and `popular` are places by key of the item."""

    version: Version
    limits: ViewingLimits
    at_ms: int
    own: dict[int, int]
    popular: dict[int, int]

    def may_see(self, key: int) -> bool:
        """By what is known of the item now; without a card nobody may."""
        facts = self.version.cards.facts_of(key)
        return facts is not None and self.limits.allow(facts, self.at_ms)


class TrendingQuery(NamedTuple):
    """What many search for, its words, and how much relative to the first."""

    text: str
    score: float
    words: tuple[str, ...]


class TrendingQueries(NamedTuple):
    """What is searched for in a region, best first, as it was read at a time of the monotonic clock."""

    read_s: float
    queries: list[TrendingQuery]


class Searcher:
    """Searches for readers."""

    def __init__(self, store: Store, search: ItemSearch) -> None:
        self._store = store
        self._search = search
        self._queries: dict[bytes, TrendingQueries] = {}  # by key: countries and regions are few

    async def reader(self, given: Given) -> SearchReader:
        """Who asks: never a stranger when they have a list and no record of what they may see."""
        store, user_id, at_ms = self._store, given.get("user_id"), now_ms()
        version = store.versions.first() if user_id is None else store.versions.of(user_id)
        audience, own = None, None
        if user_id is not None:
            audience, own = await asyncio.gather(
                store.audience(version, user_id), store.user_list(user_id, HOMEPAGE, version)
            )
        limits = store.audiences.limits(audience, given, lost=audience is None and own is not None)
        everybodys = ListReader(limits, None, at_ms, 1)
        found, _ = await store.supply.popular(version, HOMEPAGE, given.get("country", ""), everybodys)
        popular = keys_of(found.value, found.prefix) if found.version is version else []
        listed = keys_of(own.value, own.prefix) if own is not None and own.version is version else []
        return SearchReader(version, limits, at_ms, _places(listed), _places(popular))

    async def found(self, reader: SearchReader, query: str, wanted: int) -> list[Match]:
        """Items that the reader may see, best first, with scores in (0, 1] that never rise: of `wanted` so many, where
        there are, or more; with mistyped letters when there are none with the right ones. Raises as
        `ItemSearch.find`."""
        words = query_words(query)
        return self._ordered(
            reader,
            await self._visible(reader, words, wanted, mistyped=False)
            or await self._visible(reader, words, wanted, mistyped=True),
        )

    async def _visible(
        self, reader: SearchReader, words: tuple[str, ...], wanted: int, *, mistyped: bool
    ) -> dict[int, float]:
        """Scores by key of items that the reader may see."""
        cards = reader.version.cards.cards
        found = await self._search.find(reader.version, words, mistyped=mistyped)
        matches = {match.key: match.score for match in found}
        is_cut = len(found) >= CANDIDATES
        if is_cut and not mistyped:  # what they and everybody like may be beyond the cut, and comes before it
            least = min(matches.values())
            matches = dict.fromkeys(self._liked(reader, words), least) | matches
        await cards.fetch(matches)
        visible = {key: score for key, score in matches.items() if reader.may_see(key)}
        if is_cut and len(visible) < wanted:
            more = await self._search.find(reader.version, words, MOST_CANDIDATES, mistyped=mistyped)
            rest = [match for match in more if match.key not in matches]
            for start in range(0, len(rest), CANDIDATES):
                if len(visible) >= wanted:
                    break
                turn = rest[start : start + CANDIDATES]
                await cards.fetch([key for key, _ in turn])
                visible |= {key: score for key, score in turn if reader.may_see(key)}
        return visible

    @staticmethod
    def _liked(reader: SearchReader, words: tuple[str, ...]) -> Iterator[int]:
        held = reader.version.cards.cards.held
        for key in (*reader.own, *reader.popular):
            if (card := held.get(key)) is not None:
                details = decode_details(card.details)
                titles = reader.version.cards.cards.title_of(key) or "", *details.titles.values()
                said = (*titles, *details.people, *details.genres)
                if is_named(tuple(chain.from_iterable(map(name_words, said))), words):
                    yield key

    @staticmethod
    def _ordered(reader: SearchReader, matches: dict[int, float]) -> list[Match]:
        best = max(matches.values(), default=1.0)
        worth = {
            key: score / best + INTERESTS * _near_top(reader.own, key) + POPULAR * _near_top(reader.popular, key)
            for key, score in matches.items()
        }
        highest = max(worth.values(), default=1.0)
        ordered = sorted(worth, key=worth.__getitem__, reverse=True)
        return [Match(key, worth[key] / highest) for key in ordered]

    def items(self, reader: SearchReader, found: list[Match]) -> list[Item]:
        """What answers say of them."""
        held = reader.version.cards.cards.held
        return [
            (key, held[key].head + SCORE_BYTES[round(score * SCORE_STEPS)] + _REASON)
            for key, score in found
            if key in held
        ]

    async def leads_somewhere(self, reader: SearchReader, words: tuple[str, ...]) -> bool:
        """Whether the reader may see anything that the words of a query find: what was searched for is told to nobody
        else, or a child would be told the titles of what it may not see."""
        return bool(await self._visible(reader, words, 1, mistyped=False))

    async def queries(self, version: Version, region: str, window: str) -> list[TrendingQuery]:
        """What is searched for in a country or region: at most a second old, and
        as it was last known while Redis is away."""
        key = version.keys.search_trending(region, window).encode()
        known, at_s = self._queries.get(key), time.monotonic()
        if known is None or at_s - known.read_s >= QUERIES_KEPT_S:
            frame = resp.command(b"ZRANGEBYSCORE", key, b"-inf", b"+inf", b"WITHSCORES")
            try:
                said: list[bytes] = await self._store.link.send(frame, key)
            except RedisUnavailable:
                self._store.unavailable += 1
                return known.queries if known is not None else []
            texts, scores = [name.decode() for name in said[-2::-2]], map(float, said[::-2])
            found = list(map(TrendingQuery, texts, scores, map(query_words, texts)))
            known = self._queries[key] = TrendingQueries(at_s, found)
        return known.queries


def _places(keys: list[int]) -> dict[int, int]:
    return {key: place for place, key in enumerate(keys)}


def _near_top(places: dict[int, int], key: int) -> float:
    place = places.get(key)
    return 0.0 if place is None else _HALF_PLACE / (_HALF_PLACE + place)
