"""GET /api/v1/trending: what a region watches now."""

from __future__ import annotations

import orjson

from serving.endpoint.blocked import cut_without
from serving.endpoint.bodies import etag_of, now_ms
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters, country_or_region, one_of, text
from serving.endpoint.reads.recommendations import LIMIT
from serving.endpoint.store import Store, empty_popular
from serving.fragments import rfc3339
from serving.keys import GLOBAL_REGION, REGIONS, WINDOWS

REGION = country_or_region("region", "Which country or region; * is everywhere.", REGIONS, GLOBAL_REGION)
WINDOW = one_of("window", "How far back.", WINDOWS, WINDOWS[0])
CATEGORY = text("category", "Only items of this genre.", 64)
PARAMETERS = Parameters((REGION, WINDOW, CATEGORY, LIMIT))


class Trending:
    """Answers from the process's own copy, refreshed every second: no Redis on the way."""

    def __init__(self, store: Store, cache_control: Header) -> None:
        self._store = store
        self._cache_control = cache_control

    async def __call__(self, given: Given) -> Response:
        """Always 200. `region` says whose list it is: * when the one asked for has none. No list is an empty one."""
        region, window = given.get("region", GLOBAL_REGION), given.get("window", WINDOWS[0])
        category, limit = given.get("category", ""), given.get("limit", 20)
        region, found = await self._store.trending(region, window, category)
        found = found or empty_popular(self._store.versions.first())
        items = cut_without(found.value, found.prefix, 0, limit, found.version.blocked)
        head = {
            "region": region,
            "window": window,
            "category": category or None,
            "updated_at": rfc3339(found.prefix.generated_at_ms),
            "stale": now_ms() > found.prefix.expires_at_ms,
            "model_version": found.version.keys.version,
            "variant": found.version.variant,
        }
        body = b'%b,"items":[%b]}' % (orjson.dumps(head)[:-1], items)
        return json_response(body, self._cache_control, etag_of(found, b"%d.%d" % (limit, bool(head["stale"]))))
