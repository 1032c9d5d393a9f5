"""GET /api/v1/items/{item_id}/similar: the neighbours of an item."""

from __future__ import annotations

import orjson

from serving.endpoint.blocked import cut_without
from serving.endpoint.bodies import etag_of
from serving.endpoint.messages import Request, Response, json_response
from serving.endpoint.parameters import Parameters, text
from serving.endpoint.reads.recommendations import LIMIT
from serving.endpoint.store import Store
from serving.keys import HOMEPAGE

ITEM_ID = text("item_id", "The item whose neighbours are asked for.", required=True)
PARAMETERS = Parameters((LIMIT,))


class Similar:
    """Answers with the ready neighbours; an item without any gets what is popular, labelled in `source`."""

    def __init__(self, store: Store, cache_control: bytes) -> None:
        self._store = store
        self._cache_control = cache_control

    async def __call__(self, request: Request) -> Response:
        """Always 200."""
        item_id, limit = request.parameters["item_id"], request.parameters.get("limit", 20)
        found, source = await self._store.similar(item_id), b"similar"
        if found is None:
            found, source = await self._store.popular(self._store.versions.first(), HOMEPAGE, ""), b"popular"
        name = orjson.dumps(item_id)
        items = cut_without(found.value, found.prefix, 0, limit, found.version.blocked | {name})
        version = orjson.dumps(found.version.keys.version)
        body = b'{"item_id":%b,"similar_items":[%b],"source":"%b","model_version":%b}' % (name, items, source, version)
        return json_response(body, self._cache_control, etag_of(found, b"%d" % limit))
