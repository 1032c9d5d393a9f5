"""GET /api/v1/recommendations: the user's list, or what everyone gets. The hot path."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from serving.endpoint import parameters
from serving.endpoint.blocked import cut_without
from serving.endpoint.bodies import etag_of, now_ms, opening, source_of
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters, integer, one_of, text
from serving.endpoint.publisher import Publisher, Shown
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.store import Cut, Store
from serving.keys import CONTEXTS, HOMEPAGE
from serving.list_format import MAX_ITEMS, UnreadableList
from serving.redis_errors import RedisUnavailable

USER_ID = text("user_id", "Who the list is for. Unknown users get what is popular.", required=True)
LIMIT = integer("limit", "How many items.", 1, 100, 20)
OFFSET = integer("offset", "How many items of the list to pass over.", 0, MAX_ITEMS, 0)
COUNTRY = parameters.country("country", "Where the reader is; chooses the popular list when there is no personal one.")
DEVICE_TYPE = text("device_type", "What the list is shown on; recorded with the request.", 32)
PARAMETERS = Parameters(
    (USER_ID, one_of("context", "Where it is shown.", CONTEXTS, HOMEPAGE), LIMIT, OFFSET, COUNTRY, DEVICE_TYPE)
)
#: Whose list a context shows: its own, else the homepage's.
_FROM = {context: tuple(dict.fromkeys((context, HOMEPAGE))) for context in CONTEXTS}


class Recommendations:
    """Answers with a cut of the list, as bytes."""

    def __init__(
        self,
        store: Store,
        cache_control: Header,
        answers: Counter[str],
        reads: ReadNotes,
        publisher: Publisher | None,
    ) -> None:
        self._store = store
        self._cache_control = cache_control
        self._answers = answers
        self._reads = reads
        self._publisher = publisher

    async def __call__(self, given: Given) -> Response:
        """Always 200: personal, else segment or popular, labelled in `source`."""
        user_id, context = given["user_id"], given.get("context", HOMEPAGE)
        offset, limit = given.get("offset", 0), given.get("limit", 20)
        store = self._store
        if country := given.get("country", ""):
            store.countries.add(country)
        version, stored_id = store.versions.of(user_id), store.stored_id(user_id)
        own: Cut | None = None
        for listed in _FROM[context]:
            # Here and not in a coroutine of the store's own: each costs every request half a microsecond.
            try:
                start = await store.ask(version, stored_id, listed, offset + limit)
            except RedisUnavailable:
                store.unavailable += 1
                own = None
                break
            try:
                own = store.cut_start(start, version, stored_id, offset, limit)
            except UnreadableList:
                own = await store.user_cut(user_id, listed, offset, limit, start)
            if own is not None and own[0].prefix.items:
                break
        at_ms = now_ms()
        if own is not None:
            found, items = own
            head, source = opening(found, user_id, at_ms, stored_id), "personal"
        else:
            found = await store.popular(version, context, country)
            items = cut_without(found.value, found.prefix, offset, limit, found.version.blocked)
            head = opening(found, user_id, at_ms)
            source = source_of(head)
        self._answers[source] += 1
        self._reads.add(user_id)
        if self._publisher is not None:
            self._publisher.add(Shown(at_ms, given, source, head, items))
        body = b"".join((head, b',"recommendations":[', items, b"]}"))
        etag = etag_of(found, _shape(offset, limit, at_ms > found.prefix.expires_at_ms))
        return json_response(body, self._cache_control, etag)


@lru_cache(maxsize=4096)  # readers ask for few cuts, each of them many times
def _shape(offset: int, limit: int, stale: bool) -> bytes:
    return b"%d.%d.%d" % (offset, limit, stale)
