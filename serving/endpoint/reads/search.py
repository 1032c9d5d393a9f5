"""GET /api/v1/search, …/suggestions, …/trending, …/recent: items and words for what was typed.

Whoever searches may find what they have met; nobody finds what they may not see, nor is told words that lead to nothing
else.
"""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

import orjson

from serving.endpoint.bodies import head_of, labels_by_version, new_recommendation_id
from serving.endpoint.card_fields import FIELDS, asked_fields
from serving.endpoint.list_filter import joined
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters, integer, text
from serving.endpoint.reads.recommendations import COUNTRY, LIMIT, MAX_MATURITY, USER_ID
from serving.endpoint.reads.trending import REGION, WINDOW
from serving.endpoint.search.searcher import Searcher, SearchReader
from serving.endpoint.search.text_index import Match
from serving.endpoint.search.words import is_named, name_words, query_words
from serving.endpoint.shown import ShownAnswer
from serving.endpoint.store import Store
from serving.fragments import rfc3339
from serving.keys import GLOBAL_REGION, WINDOWS
from serving.list_format import header_bytes
from streams.contract.item_details import decode_details
from streams.contract.served import Surface

QUERY = text("q", "What was typed.", 200, required=True)
FOR_USER = text("user_id", "Who searches: finds nothing that they may not see, and first what is on their list.")
FEW = integer("limit", "How many suggestions.", 1, 50, 10)
PARAMETERS = Parameters((QUERY, FOR_USER, LIMIT, COUNTRY, MAX_MATURITY, FIELDS))
SUGGESTION_PARAMETERS = Parameters((QUERY, FOR_USER, FEW, COUNTRY, MAX_MATURITY))
RECENT_PARAMETERS = Parameters((USER_ID, FEW, COUNTRY, MAX_MATURITY))
TRENDING_PARAMETERS = Parameters((REGION, WINDOW, FOR_USER, FEW, COUNTRY, MAX_MATURITY))
#: Of so many items that are found, the people and genres are suggested.
_LOOKED_THROUGH: Final = 50
_MOST_QUERIES: Final = 3
_MOST_NAMES: Final = 3
_SEARCH_REGION: Final = WINDOWS[1]


class _SearchRead:
    def __init__(self, store: Store, searcher: Searcher, cache_control: Header, private: Header) -> None:
        self._store = store
        self._searcher = searcher
        self._cache_control = cache_control
        self._private = private

    def _answer(self, body: bytes, said: bytes, given: Given, shown: ShownAnswer | None = None) -> Response:
        control = self._private if "user_id" in given else self._cache_control
        return json_response(body, control, b'W/"%x"' % crc32(said), shown)


class ItemSearchRead(_SearchRead):
    """Answers with the items that fit what was typed."""

    async def __call__(self, given: Given) -> Response:
        """200, without items where nothing fits."""
        query, limit, user_id = given["q"], given.get("limit", 20), given.get("user_id")
        reader = await self._searcher.reader(given)
        found = (await self._searcher.found(reader, query, limit))[:limit]
        version = reader.version
        items = joined(self._searcher.items(reader, found), 0, limit, version.cards.cards, asked_fields(given))
        labels = labels_by_version(version, self._store.versions.version_treatment(user_id))
        made = new_recommendation_id()
        told = b'%b,"items":[%b]}' % (labels, items)
        body = b'{"query":%b,"recommendation_id":"%b",%b' % (orjson.dumps(query), made, told)
        head = head_of(user_id or "", made, b"search", labels)
        return self._answer(body, told, given, ShownAnswer(reader.at_ms, given, "search", head, items, Surface.SEARCH))


class SuggestionsRead(_SearchRead):
    """Answers with words that go on from what was typed: searches of many, titles, people, genres."""

    async def __call__(self, given: Given) -> Response:
        """200, without suggestions where nothing fits."""
        query, limit = given["q"], given.get("limit", 10)
        reader = await self._searcher.reader(given)
        found = await self._searcher.found(reader, query, limit)
        suggestions = [
            *await self._queries(reader, query, given.get("country", GLOBAL_REGION)),
            *self._names(reader, query, found),
            *self._titles(reader, query, found[:limit]),
        ]
        body = orjson.dumps({"query": query, "suggestions": suggestions[:limit]})
        return self._answer(body, body, given)

    async def _queries(self, reader: SearchReader, query: str, region: str) -> list[dict[str, Any]]:
        typed, told = query_words(query), list[dict[str, Any]]()
        for searched in await self._searcher.queries(reader.version, region, _SEARCH_REGION):
            fits = len(told) < _MOST_QUERIES and is_named(searched.words, typed)
            if fits and await self._searcher.leads_somewhere(reader, searched.words):
                told.append({"text": searched.text, "type": "query"})
        return told

    @staticmethod
    def _names(reader: SearchReader, query: str, found: list[Match]) -> list[dict[str, Any]]:
        typed, held = query_words(query), reader.version.cards.cards.held
        people, genres = dict[str, None](), dict[str, None]()
        for key, _ in found[:_LOOKED_THROUGH]:
            details = decode_details(held[key].details) if key in held else decode_details(b"")
            people |= {name: None for name in details.people if is_named(name_words(name), typed)}
            genres |= {name: None for name in details.genres if is_named(name_words(name), typed)}
        return [
            {"text": name, "type": kind}
            for kind, names in (("person", people), ("genre", genres))
            for name in list(names)[:_MOST_NAMES]
        ]

    @staticmethod
    def _titles(reader: SearchReader, query: str, found: list[Match]) -> list[dict[str, Any]]:
        """In the language that was typed, where the catalogue has titles in others."""
        typed, held, told = query_words(query), reader.version.cards.cards.held, list[dict[str, Any]]()
        for key, _ in found:
            if key in held:
                card = orjson.loads(held[key].head + b"0}")
                titles = card["title"], *decode_details(held[key].details).titles.values()
                text = next((title for title in titles if is_named(name_words(title), typed)), card["title"])
                told.append({"text": text, "type": "title", "item_id": card["item_id"]})
        return told


class TrendingSearchesRead(_SearchRead):
    """Answers with what many search for now, where it leads to something that the reader may see."""

    async def __call__(self, given: Given) -> Response:
        """200; no searches, and a Redis that was never read, are an empty list."""
        region, window, limit = (
            given.get("region", GLOBAL_REGION),
            given.get("window", WINDOWS[0]),
            given.get("limit", 10),
        )
        place = {"country": region} if len(region) == len("DE") else {}
        reader = await self._searcher.reader(given | place)
        searches: list[dict[str, Any]] = []
        for query in await self._searcher.queries(reader.version, region, window):
            if len(searches) < limit and await self._searcher.leads_somewhere(reader, query.words):
                searches.append({"query": query.text, "score": round(query.score, 4)})
        body = orjson.dumps({"region": region, "window": window, "searches": searches})
        return self._answer(body, body, given)


class RecentSearchesRead(_SearchRead):
    """Answers with what the user searched for last, where it still leads to something that they may see."""

    async def __call__(self, given: Given) -> Response:
        """200; no searches, an unknown user and a Redis that is away are an empty list."""
        user_id, limit = given["user_id"], given.get("limit", 10)
        reader = await self._searcher.reader(given)
        begun = await self._store.continue_list(user_id, reader.version)
        page = {} if begun is None else orjson.loads(header_bytes(begun.value, begun.prefix)).get("page", {})
        searches: list[dict[str, Any]] = []
        for query, at_ms in page.get("searches", ()):
            if len(searches) < limit and await self._searcher.leads_somewhere(reader, query_words(query)):
                searches.append({"query": query, "searched_at": rfc3339(at_ms)})
        body = orjson.dumps({"user_id": user_id, "searches": searches})
        return self._answer(body, body, given)
