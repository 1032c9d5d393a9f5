"""GET /api/v1/recommendations: the user's list, or what everyone gets. The hot path."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from zlib import crc32

from serving.audience import Audience
from serving.endpoint import parameters
from serving.endpoint.bodies import etag_of, etag_of_shown, now_ms, opening, source_of
from serving.endpoint.card_fields import FIELDS, Fields, asked_fields
from serving.endpoint.list_filter import joined
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters, integer, one_of, text
from serving.endpoint.reads import narrowed
from serving.endpoint.shown import ShownAnswer
from serving.endpoint.store import Cut, Store
from serving.endpoint.supply import ListReader
from serving.experiments import UNTREATED
from serving.keys import CONTEXTS, HOMEPAGE
from serving.list_format import MAX_ITEMS, WHICH_ONE, UnreadableList, is_former
from serving.redis_errors import RedisUnavailable
from streams.contract.catalog import MATURITIES

USER_ID = text("user_id", "Who the list is for. Unknown users get what is popular.", required=True)
LIMIT = integer("limit", "How many items.", 1, 100, 20)
OFFSET = integer("offset", "How many items of the list to pass over.", 0, MAX_ITEMS, 0)
COUNTRY = parameters.country("country", "Where the reader is; chooses the popular list when there is no personal one.")
MAX_MATURITY = one_of(
    "max_maturity",
    "Nothing rated above it is shown. It can only restrict: what the user may see, or the default, remains a limit.",
    MATURITIES,
)
REFRESH = one_of(
    "refresh",
    "Accepted, and changes nothing: a list is made again with every event of its user, before it is asked for.",
    ("true", "false"),
)
DEVICE_TYPE = text("device_type", "What the list is shown on; recorded with the request.", 32)
CONTEXT = one_of("context", "Where it is shown; home is homepage.", (*CONTEXTS, "home"), HOMEPAGE, home=HOMEPAGE)
PARAMETERS = Parameters(
    (
        USER_ID,
        CONTEXT,
        LIMIT,
        OFFSET,
        COUNTRY,
        MAX_MATURITY,
        DEVICE_TYPE,
        FIELDS,
        REFRESH,
        *narrowed.PARAMETERS,
    )
)
#: Whose list a context shows: its own, else the homepage's.
_FROM = {context: tuple(dict.fromkeys((context, HOMEPAGE))) for context in CONTEXTS}


class RecommendationsRead:
    """Answers with a cut of the list, as bytes."""

    def __init__(
        self,
        store: Store,
        cache_control: Header,
    ) -> None:
        self._store = store
        self._cache_control = cache_control
        self._narrowed = narrowed.NarrowedRead(store, cache_control)

    async def __call__(self, given: Given) -> Response:
        """Always 200: personal, else segment or popular, labelled in `source`."""
        if not narrowed.NAMES.isdisjoint(given):
            return await self._narrowed(given)
        user_id, context = given["user_id"], given.get("context", HOMEPAGE)
        offset, limit = given.get("offset", 0), given.get("limit", 20)
        store, audiences, fields = self._store, self._store.audiences, asked_fields(given)
        if country := given.get("country", ""):
            store.countries.add(country)
        version, stored_id, key_head = store.versions.of(user_id), store.stored_id(user_id), store.head_of(user_id)
        own: Cut | None = None
        audience: Audience | None = None
        is_known = False  # whether it was asked what the user may see
        said = None
        at_ms = now_ms()
        for listed in _FROM[context]:
            # Here and not in a coroutine of the store's own: each costs every request half a microsecond.
            asked: asyncio.Future[bytes | None] | None = None
            try:
                held = audiences.read_before(stored_id) if listed == HOMEPAGE else None
                asked = store.ask(key_head, version, stored_id, listed)
                if is_known:
                    held, start = None, await asked or b""
                elif held is None or held.version is not version:  # both leave in the same write
                    held = None
                    said = store.ask_audience(key_head, version, stored_id)
                    start = await asked or b""
                    # A list of the former format is not told that what lies beside it is another.
                    beside = start[WHICH_ONE] if listed == HOMEPAGE and start and not is_former(start) else b""
                    audience = audiences.take(stored_id, await said, beside, version)
                    if audience is None:
                        audience = await store.audience_elsewhere(version, user_id)
                elif (start := await asked or b"")[WHICH_ONE] == held.beside:
                    audience, held.confirmed_s = held.audience, audiences.now_s
                else:
                    held, audience = None, await store.audience(version, user_id, start[WHICH_ONE])
            except RedisUnavailable:
                asked = said = None  # the exception knows this frame, which must not know the future that holds it
                store.unavailable += 1
                audience, own = audiences.held(stored_id), None
                break
            is_known, own = True, None
            if audience is not None:
                try:
                    own = store.cut_start(
                        start, version, stored_id, offset, limit, audience, given, at_ms, held, fields
                    )
                except UnreadableList:
                    own = None
            if own is None:
                own = await store.user_cut(user_id, listed, start, audience, given, at_ms)
            if own is not None and own.found.prefix.items:
                break
        if own is not None:
            found, items, is_whole = own
            head, source = opening(found, user_id, at_ms, stored_id), "personal"
            shape = _shape(offset, limit, at_ms > found.prefix.expires_at_ms, fields)
        else:
            reader = ListReader(audiences.limits(audience, given), audience, at_ms, offset + limit)
            is_whole = False
            found, shown = await store.supply.popular(version, context, country, reader)
            items = joined(shown, offset, limit, found.version.cards.cards, fields)
            treatment = store.versions.treatment(
                stored_id, country, given.get("device_type", ""), is_known=audience is not None
            )
            head = opening(found, user_id, at_ms, treatment=treatment)
            source = source_of(head)
            shape = b"%b.%b" % (_shape(offset, limit, at_ms > found.prefix.expires_at_ms, fields), reader.name)
            if treatment is not UNTREATED:
                shape = b"%b.%b" % (shape, treatment.variant.encode())
        body = b"".join((head, b',"recommendations":[', items, b"]}"))
        return json_response(
            body,
            self._cache_control,
            etag_of(found, shape) if is_whole else etag_of_shown(found, shape, items),
            ShownAnswer(at_ms, given, source, head, items, is_fallback=own is None),
        )


@lru_cache(maxsize=4096)  # readers ask for few cuts, each of them many times
def _shape(offset: int, limit: int, stale: bool, fields: Fields) -> bytes:
    shape = b"%d.%d.%d" % (offset, limit, stale)
    return b"%b.%x" % (shape, crc32(",".join(fields).encode())) if fields else shape
