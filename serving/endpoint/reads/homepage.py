"""GET /api/v1/recommendations/homepage/{user_id}: the rows of a homepage, no item twice.

    top_picks             the user's list
    continue_watching     what they have begun
    because_you_watched   what goes with what they liked last; the title cites it
    trending              the 24-hour trend of their country, else of everywhere; never older than 15 minutes
    new_releases          of their country, else of everywhere
    popular_in_genre      of their favourite genre; `popular` where none is known

All rows are of one version, that of the user's list. The last three are the same for everybody and checked for nobody.
People whose profile restricts what they see (children, maturity, genres) therefore get the first three only.
"""

from __future__ import annotations

import asyncio
from binascii import hexlify
from typing import Any, NamedTuple

import orjson

from serving.endpoint.blocked import id_of
from serving.endpoint.bodies import etag_of, now_ms, opening
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.reads.recommendations import COUNTRY, DEVICE_TYPE, LIMIT
from serving.endpoint.store import Found, Store
from serving.endpoint.versions import Version
from serving.keys import GENRE_ROW, GLOBAL_REGION, HOMEPAGE, NEW_ROW, POST_PLAY, TRENDING_TTL_S, WINDOWS
from serving.list_format import cut_each, header_bytes

PARAMETERS = Parameters((LIMIT, COUNTRY, DEVICE_TYPE))


class Row(NamedTuple):
    """One row before duplicates are taken out. Without a title it is called by the reason of its first item."""

    id: str
    title: str
    found: Found | None


class Homepage:
    """Reads the user's own rows in one round trip and joins them with the shared ones held in the process."""

    def __init__(self, store: Store, cache_control: Header, reads: ReadNotes) -> None:
        self._store = store
        self._cache_control = cache_control
        self._reads = reads

    async def __call__(self, given: Given) -> Response:
        """Always 200. Rows that would be empty are left out; `limit` is per row."""
        store = self._store
        user_id, limit = given["user_id"], given.get("limit", 20)
        version = store.versions.of(user_id)  # once: it may change meanwhile
        own, begun, after = await asyncio.gather(
            store.user_list(user_id, HOMEPAGE, version),
            store.continue_list(user_id, version),
            store.user_list(user_id, POST_PLAY, version),
        )
        page = _page(own, begun)
        country = given.get("country") or page["country"]
        popular = await store.popular(own.version if own else version, HOMEPAGE, country)
        main = own or popular
        rows = [
            Row("top_picks", "Top picks", own),
            Row("continue_watching", "Continue watching", begun),
            Row("because_you_watched", "", after),
        ]
        at_ms = now_ms()
        if page["shared"]:
            rows += await self._shared_rows(main.version, country, page["genre"], popular, at_ms)
        rows = [row for row in rows if row.found is None or row.found.version is main.version]
        self._reads.add(user_id)
        body = b'%b,"sections":[%b]}' % (opening(main, user_id, at_ms), b",".join(_sections(rows, limit)))
        shown = b".".join(hexlify(row.found.value[2:22]) if row.found else b"" for row in rows)
        shape = b"%b.%d.%d" % (shown, limit, at_ms > main.prefix.expires_at_ms)
        return json_response(body, self._cache_control, etag_of(main, shape))

    async def _shared_rows(self, version: Version, country: str, genre: str, popular: Found, at_ms: int) -> list[Row]:
        store = self._store
        rows = [
            await self._trending(version, country, at_ms),
            Row("new_releases", "New releases", await store.row(version, NEW_ROW, country, GLOBAL_REGION)),
        ]
        of_genre = await store.row(version, GENRE_ROW, genre) if genre else None
        if of_genre is None:
            return [*rows, Row("popular", "Popular", popular)]
        return [*rows, Row("popular_in_genre", f"Popular in {genre}", of_genre)]

    async def _trending(self, version: Version, country: str, at_ms: int) -> Row:
        for place in dict.fromkeys((country or GLOBAL_REGION, GLOBAL_REGION)):
            found = await self._store.trending_in(version, place, WINDOWS[0])
            if found is not None and at_ms - found.prefix.generated_at_ms <= TRENDING_TTL_S * 1000:
                return Row("trending", "", found)
        return Row("trending", "", None)


def _page(own: Found | None, begun: Found | None) -> dict[str, Any]:
    """What the shared rows depend on (ranking.rows.Page). Of somebody known of whom it is not known, the safe side."""
    if begun is not None:
        page: dict[str, Any] | None = orjson.loads(header_bytes(begun.value, begun.prefix)).get("page")
        if page is not None:
            return page
    return {"genre": "", "country": "", "shared": own is None}


def _sections(rows: list[Row], limit: int) -> list[bytes]:
    seen: set[bytes] = set()
    sections = []
    for row in rows:
        items = _unseen(row.found, seen, limit) if row.found is not None else []
        if items:
            head = orjson.dumps({"id": row.id, "title": row.title or orjson.loads(items[0])["reason"]})
            sections.append(b'%b,"items":[%b]}' % (head[:-1], b",".join(items)))
    return sections


def _unseen(found: Found, seen: set[bytes], limit: int) -> list[bytes]:
    items = []
    for fragment in cut_each(found.value, found.prefix):
        item_id = id_of(fragment)
        if item_id not in seen and item_id not in found.version.blocked:
            seen.add(item_id)
            items.append(fragment)
            if len(items) == limit:
                break
    return items
