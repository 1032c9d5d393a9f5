"""GET /api/v1/recommendations/homepage/{user_id}: the rows of a homepage, no item twice."""

from __future__ import annotations

import asyncio
from binascii import hexlify

import orjson

from serving.endpoint.blocked import id_of
from serving.endpoint.bodies import etag_of, now_ms, opening
from serving.endpoint.messages import Request, Response, json_response
from serving.endpoint.parameters import Parameters
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.reads.recommendations import COUNTRY, DEVICE_TYPE, LIMIT
from serving.endpoint.store import Found, Store
from serving.keys import GLOBAL_REGION, HOMEPAGE, WINDOWS
from serving.list_format import cut_each

PARAMETERS = Parameters((LIMIT, COUNTRY, DEVICE_TYPE))


class Homepage:
    """Reads the user's own rows in one round trip and joins them with the shared ones held in the process."""

    def __init__(self, store: Store, cache_control: bytes, reads: ReadNotes) -> None:
        self._store = store
        self._cache_control = cache_control
        self._reads = reads

    async def __call__(self, request: Request) -> Response:
        """Always 200. Rows that would be empty are left out; `limit` is per row."""
        given, store = request.parameters, self._store
        user_id, limit, country = given["user_id"], given.get("limit", 20), given.get("country", "")
        own, begun = await asyncio.gather(store.user_list(user_id, HOMEPAGE), store.continue_list(user_id))
        popular = await store.popular(store.versions.of(user_id), HOMEPAGE, country)
        _, trending = await store.trending(country or GLOBAL_REGION, WINDOWS[0], "")
        rows = [
            ("continue_watching", "Continue watching", begun),
            ("for_you", "For you", own),
            ("trending", "Trending now", trending),
            ("popular", "Popular", popular),
        ]
        main = own or popular
        self._reads.add(user_id)
        body = b'%b,"sections":[%b]}' % (opening(main, user_id, at_ms := now_ms()), b",".join(_sections(rows, limit)))
        shown = b".".join(hexlify(found.value[2:22]) if found else b"" for _, _, found in rows)
        shape = b"%b.%d.%d" % (shown, limit, at_ms > main.prefix.expires_at_ms)
        return json_response(body, self._cache_control, etag_of(main, shape))


def _sections(rows: list[tuple[str, str, Found | None]], limit: int) -> list[bytes]:
    seen: set[bytes] = set()
    sections = []
    for row_id, title, found in rows:
        if found is None:
            continue
        items = _unseen(found, seen, limit)
        if items:
            head = orjson.dumps({"id": row_id, "title": title})
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
