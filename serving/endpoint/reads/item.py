"""GET /api/v1/items/{item_id}: one item as a page needs it; …/features: figures about it, for people and programs.

Both are for whoever may see the item: to everybody else it does not exist.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import orjson

from serving import resp
from serving.endpoint.bodies import now_ms
from serving.endpoint.card_fields import EVERYTHING, FIELDS, asked_fields, fields_in
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters
from serving.endpoint.problems import Problem
from serving.endpoint.reads.recommendations import COUNTRY, MAX_MATURITY
from serving.endpoint.reads.similar import FOR_USER
from serving.endpoint.store import Store
from serving.endpoint.versions import Version
from serving.item_card import field_of
from serving.keys import HOMEPAGE
from serving.redis_errors import RedisUnavailable
from serving.seen_filter import item_hash

PARAMETERS = Parameters((FIELDS, COUNTRY, MAX_MATURITY, FOR_USER))
FEATURES_PARAMETERS = Parameters((COUNTRY, MAX_MATURITY, FOR_USER))
_NO_FIGURES: Final = b'"updated_at":null}'


class ItemRead:
    """Answers with the item's card."""

    def __init__(self, store: Store, cache_control: Header, private: Header) -> None:
        self._store = store
        self._cache_control = cache_control
        self._private = private

    async def __call__(self, given: Given) -> Response:
        """200, or 404 when there is no such item for this reader."""
        version, key = await eligible_item(self._store, given)
        fields = asked_fields(given) or fields_in(EVERYTHING)
        body = version.cards.cards.page_of(key, fields)
        return self.answer(body, given)

    def answer(self, body: bytes, given: Given) -> Response:
        """With the tag of what it says."""
        control = self._private if "user_id" in given else self._cache_control
        return json_response(body, control, b'W/"%x"' % crc32(body))


class ItemFeaturesRead(ItemRead):
    """Answers with the figures that workers keep of the item."""

    async def __call__(self, given: Given) -> Response:
        """200, or 404 as for the item; figures that are not there, or that a Redis that is away holds, are null."""
        version, key = await eligible_item(self._store, given)
        opened = orjson.dumps({"item_id": given["item_id"], "model_version": version.keys.version})[:-1]
        found: bytes | None = None
        try:
            names = version.keys.item_features.encode()
            (found,) = await self._store.link.send(resp.command(b"HMGET", names, field_of(key)), names)
        except RedisUnavailable:
            self._store.unavailable += 1
        said = found[1:] if found is not None and found.startswith(b"{") else _NO_FIGURES
        return self.answer(b"%b,%b" % (opened, said), given)


async def eligible_item(store: Store, given: Given) -> tuple[Version, int]:
    """The version whose card is held of the asked-for item, and its key. Raises a 404 Problem when the reader may not
    see it, or it is none."""
    user_id, key = given.get("user_id"), item_hash(given["item_id"])
    version = store.versions.first() if user_id is None else store.versions.of(user_id)
    audience, lost = None, False
    if user_id is not None:
        audience = await store.audience(version, user_id)
        lost = audience is None and await store.user_list(user_id, HOMEPAGE, version) is not None
    limits, at_ms = store.audiences.limits(audience, given, lost=lost), now_ms()
    for candidate in (version, *store.versions.others(version)):
        cards = candidate.cards.cards
        if key not in cards.held:
            await cards.fetch([key])
        facts = candidate.cards.facts_of(key)
        if facts is not None:
            if limits.allow(facts, at_ms) and orjson.loads(cards.page_of(key, ()))["item_id"] == given["item_id"]:
                return candidate, key
            break
    raise Problem(404, "there is no such item for this reader")
