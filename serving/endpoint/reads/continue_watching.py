"""GET /api/v1/users/{user_id}/continue-watching: what the user has begun and not finished, latest first."""

from __future__ import annotations

import asyncio

import orjson

from serving.endpoint.bodies import etag_of_shown, head_of, labels_by_version, labels_in, new_recommendation_id, now_ms
from serving.endpoint.card_fields import FIELDS, asked_fields
from serving.endpoint.list_filter import joined
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.reads.recommendations import LIMIT, MAX_MATURITY
from serving.endpoint.shown import ShownAnswer
from serving.endpoint.store import Store
from streams.contract.served import Surface

PARAMETERS = Parameters((LIMIT, MAX_MATURITY, FIELDS))


class ContinueWatchingRead:
    """Answers with the ready list."""

    def __init__(self, store: Store, cache_control: Header, reads: ReadNotes) -> None:
        self._store = store
        self._cache_control = cache_control
        self._reads = reads

    async def __call__(self, given: Given) -> Response:
        """Always 200; nothing begun, an unknown user and a Redis that is away are an empty list."""
        store = self._store
        user_id, limit, at_ms = given["user_id"], given.get("limit", 20), now_ms()
        self._reads.add(user_id)
        version = store.versions.of(user_id)
        found, audience = await asyncio.gather(store.continue_list(user_id, version), store.audience(version, user_id))
        name = orjson.dumps(user_id)
        if found is None:
            made, labels = (
                new_recommendation_id(),
                labels_by_version(version, store.versions.version_treatment(user_id)),
            )
            body = b'{"user_id":%b,"recommendation_id":"%b",%b,"items":[]}' % (name, made, labels)
            head = head_of(user_id, made, b"personal", labels)
            shown = ShownAnswer(at_ms, given, "personal", head, b"", Surface.CONTINUE_WATCHING, is_fallback=True)
            return json_response(body, self._cache_control, shown=shown)
        begun, cards = store.eligible(found, audience, given, at_ms), found.version.cards.cards
        items = joined(begun, 0, limit, cards, asked_fields(given))
        made, labels = new_recommendation_id(), labels_in(found)
        body = b'{"user_id":%b,"recommendation_id":"%b",%b,"items":[%b]}' % (name, made, labels, items)
        head = head_of(user_id, made, b"personal", labels, found.prefix)
        shown = ShownAnswer(at_ms, given, "personal", head, items, Surface.CONTINUE_WATCHING)
        return json_response(body, self._cache_control, etag_of_shown(found, b"%d" % limit, items), shown)
