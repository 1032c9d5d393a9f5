"""GET /api/v1/trending: what a region watches now."""

from __future__ import annotations

import asyncio

import orjson

from serving.endpoint.bodies import etag_of_shown, head_of, labels_by_version, new_recommendation_id, now_ms
from serving.endpoint.card_fields import FIELDS, asked_fields
from serving.endpoint.list_filter import joined
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters, country_or_region, one_of, text
from serving.endpoint.personal_order import in_order_of
from serving.endpoint.reads.recommendations import LIMIT, MAX_MATURITY, REFRESH
from serving.endpoint.shown import ShownAnswer
from serving.endpoint.store import Store
from serving.endpoint.supply import ListReader, empty_popular
from serving.experiments import UNTREATED
from serving.fragments import rfc3339
from serving.keys import GLOBAL_REGION, HOMEPAGE, REGIONS, WINDOWS
from streams.contract.served import Surface

COUNTRY_LETTERS = 2
REGION = country_or_region("region", "Which country or region; * is everywhere.", REGIONS, GLOBAL_REGION)
WINDOW = one_of("window", "How far back.", WINDOWS, WINDOWS[0])
CATEGORY = text("category", "Only items of this genre.", 64)
FOR_USER = text("user_id", "Leaves out what this user may not see or has met; in the order of their list.")
PARAMETERS = Parameters((REGION, WINDOW, CATEGORY, LIMIT, MAX_MATURITY, FOR_USER, FIELDS, REFRESH))


class TrendingRead:
    """Answers from the process's own copy, refreshed every second: no Redis on the way, unless a user is named."""

    def __init__(self, store: Store, cache_control: Header, private: Header) -> None:
        self._store = store
        self._cache_control = cache_control
        self._private = private

    async def __call__(self, given: Given) -> Response:
        """Always 200. `region` says whose list it is: * when the one asked for has none. No list is an empty one."""
        region, window = given.get("region", GLOBAL_REGION), given.get("window", WINDOWS[0])
        category, limit = given.get("category", ""), given.get("limit", 20)
        store, user_id = self._store, given.get("user_id")
        version = store.versions.first() if user_id is None else store.versions.of(user_id)
        audience, own = None, None
        if user_id is not None:
            audience, own = await asyncio.gather(
                store.audience(version, user_id), store.user_list(user_id, HOMEPAGE, version)
            )
        lost = audience is None and own is not None  # who has a list and no record is no stranger
        place = {"country": region} if len(region) == COUNTRY_LETTERS else {}
        reader = ListReader(store.audiences.limits(audience, given | place, lost=lost), audience, now_ms(), limit)
        asked = region
        region, shown = await store.supply.trending(version, region, window, category, reader)
        found, items = shown or (empty_popular(version), [])
        if own is not None and own.version is found.version:
            items = in_order_of(own, items)
        made, at_ms = new_recommendation_id(), now_ms()
        head = {
            "region": region,
            "window": window,
            "category": category or None,
            "updated_at": rfc3339(found.prefix.generated_at_ms),
            "stale": at_ms > found.prefix.expires_at_ms,
        }
        treatment = store.versions.version_treatment(user_id)
        labels = labels_by_version(found.version, treatment)
        listed = joined(items, 0, limit, found.version.cards.cards, asked_fields(given))
        body = b'%b,%b,"recommendation_id":"%b","items":[%b]}' % (orjson.dumps(head)[:-1], labels, made, listed)
        shape = b"%d.%d.%b" % (limit, bool(head["stale"]), reader.name)
        if treatment is not UNTREATED:
            shape += b"." + treatment.variant.encode()
        told = head_of(user_id or "", made, b"trending", labels)
        is_fallback = shown is None or region != asked
        shown_answer = ShownAnswer(at_ms, given, "trending", told, listed, Surface.TRENDING, is_fallback)
        control = self._cache_control if user_id is None else self._private
        return json_response(body, control, etag_of_shown(found, shape, listed), shown_answer)
