"""GET /api/v1/users/{user_id}/continue-watching: what the user has begun and not finished, latest first."""

from __future__ import annotations

import orjson

from serving.endpoint.blocked import cut_without
from serving.endpoint.bodies import etag_of
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.reads.recommendations import LIMIT
from serving.endpoint.store import Store

PARAMETERS = Parameters((LIMIT,))


class ContinueWatching:
    """Answers with the ready list."""

    def __init__(self, store: Store, cache_control: Header, reads: ReadNotes) -> None:
        self._store = store
        self._cache_control = cache_control
        self._reads = reads

    async def __call__(self, given: Given) -> Response:
        """Always 200; nothing begun, an unknown user and a Redis that is away are an empty list."""
        user_id, limit = given["user_id"], given.get("limit", 20)
        self._reads.add(user_id)
        found = await self._store.continue_list(user_id)
        name = orjson.dumps(user_id)
        if found is None:
            labels = self._store.versions.of(user_id).labels
            return json_response(b'{"user_id":%b,%b,"items":[]}' % (name, labels), self._cache_control)
        items = cut_without(found.value, found.prefix, 0, limit, found.version.blocked)
        body = b'{"user_id":%b,%b,"items":[%b]}' % (name, found.version.labels, items)
        return json_response(body, self._cache_control, etag_of(found, b"%d" % limit))
